import {describe, expect, it} from "vitest";
import {parseDocument} from "yaml";
import {hasLiteralSecret, hideSecrets, isEnvReference} from "../../src/definitions/secrets.js";

describe("a literal secret", () => {
  it.each([
    "postgresql://app:hunter2@db.internal/app",
    "postgres://app@db/app",
    "postgresql://${PGUSER}:hunter2@db/app",
    "postgresql://app:${PGPASSWORD}@db/app",
    "postgresql://app:hun/ter2@db/app",
    "postgresql://app:hun'ter 2@db/app",
    "ducklake:postgres:dbname=lake host=db password=hunter2",
    "ducklake:postgres:dbname=lake password='hunter 2'",
    "s3://key:secret@bucket/feed",
    "snowflake://account?token=abc",
  ])("is in %s", (url) => {
    expect(hasLiteralSecret(url)).toBe(true);
  });

  it.each([
    "postgresql://${PGUSER}:${PGPASSWORD}@db.internal/app",
    "postgresql://db.internal/app",
    "postgresql://${PGUSER}:${file:/run/secrets/pg}@db.internal/app",
    "ducklake:postgres:dbname=lake password=${file:/run/secrets/pg}",
    "ducklake:postgres:dbname=lake password=${PGPASSWORD}",
    "ducklake:sqlite:data/lake.sqlite",
    "s3://bucket/a@b/part.parquet",
    "data/feed",
    ":memory:",
  ])("is not in %s", (url) => {
    expect(hasLiteralSecret(url)).toBe(false);
  });

  it.each(["hunter2", "", "$PGUSER", "${PG USER}", "x${PGUSER}", "${PGUSER}x", "${file:}", "${file:/a}x"])("is %j, where only a reference may stand", (text) => {
    expect(isEnvReference(text)).toBe(false);
  });
});

describe("an excerpt", () => {
  const show = (text: string): string => hideSecrets(text, parseDocument(text, {prettyErrors: false}));

  it("hides what is written out and keeps its columns", () => {
    expect(show("path: postgresql://app:hunter2@db/x # end")).toBe("path: postgresql://***:*******@db/x # end");
    expect(show("credentials: {user: app, key: hunter2, region: '${REGION}'}")).toBe(
      "credentials: {user: ***, key: *******, region: '${REGION}'}",
    );
    expect(show("credentials:\n  list: [hunter2]\n")).toBe("credentials:\n  list: [*******]\n");
  });

  it("hides a secret wherever it was put by mistake", () => {
    expect(show("password: hunter2")).toBe("password: *******");
    expect(show("source: {api_token: 12345}")).toBe("source: {api_token: *****}");
    expect(show("x: &secret hunter2\ncredentials: {a: *secret}")).not.toContain("hunter2");
  });

  it("hides secrets of a file that is broken", () => {
    expect(show("credentials: {key: hunter2\nfields: [")).not.toContain("hunter2");
    expect(show('password: "hunter2\n')).not.toContain("hunter2");
    expect(show("a: b: c\npath: postgres://app:hunter2@db")).not.toContain("hunter2");
  });

  it("shows everything else", () => {
    const text = "fields:\n  - {name: token_count, dtype: BIGINT}\nfield_mapping: {secretary: name}\n";
    expect(show(text)).toBe(text);
  });
});
