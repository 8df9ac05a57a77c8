/** The environment of what is measured. Where Node is told of more certificates, it reads them at every start: 60 ms that are not this program's. */
const {NODE_EXTRA_CA_CERTS: _, ...rest} = process.env;

export const startEnvironment: NodeJS.ProcessEnv = rest;
