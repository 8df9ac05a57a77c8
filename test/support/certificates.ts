/** Certificates for a server of the tests, by an authority that is made for it: with openssl, which most machines have. */
import {execFileSync, spawnSync} from "node:child_process";
import {writeFileSync} from "node:fs";
import {join} from "node:path";

export const missingOpenssl = spawnSync("openssl", ["version"]).status !== 0;

export interface Certificates {
  /** Of the server, for its one address. */
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
  /** One that signed nothing. */
  readonly otherAuthority: string;
}

/** Files in the folder, good for a day. */
export function makeCertificates(folder: string, address: string): Certificates {
  const openssl = (...args: readonly string[]): void => void execFileSync("openssl", args, {cwd: folder, stdio: "pipe"});
  const newKey = (name: string): string[] => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${name}.key`];
  for (const name of ["authority", "other"]) openssl("req", "-x509", ...newKey(name), "-out", `${name}.pem`, "-subj", `/CN=${name}`, "-days", "1");
  openssl("req", ...newKey("server"), "-out", "server.csr", "-subj", "/CN=server");
  writeFileSync(join(folder, "address.cnf"), `subjectAltName=IP:${address}\n`);
  openssl("x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-out", "server.pem", "-days", "1", "-extfile", "address.cnf");
  const path = (name: string): string => join(folder, name);
  return {certificate: path("server.pem"), key: path("server.key"), authority: path("authority.pem"), otherAuthority: path("other.pem")};
}
