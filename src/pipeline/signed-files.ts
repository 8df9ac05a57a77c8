/** Files of a cache: each says in its first line that the rest is whole and of this form. */
import {createHash} from "node:crypto";
import {mkdirSync, readFileSync, renameSync, writeFileSync} from "node:fs";
import {dirname} from "node:path";

export class SignedFiles {
  constructor(
    /** Part of every signature: files of another form are as good as none. */
    private readonly format: string,
  ) {}

  /** Undefined for a file that is absent, broken, edited or of another form. */
  read(path: string): string | undefined {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
    const end = text.indexOf("\n");
    const body = text.slice(end + 1);
    return end > 0 && text.slice(0, end) === this.sign(body) ? body : undefined;
  }

  /** Two writers of one draft can mix their texts, which the signature then does not fit: as good as no file. */
  write(path: string, body: string): void {
    mkdirSync(dirname(path), {recursive: true});
    const draft = `${path}.draft`;
    writeFileSync(draft, `${this.sign(body)}\n${body}`);
    renameSync(draft, path);
  }

  private sign(body: string): string {
    return createHash("sha256").update(`${this.format}\n${body}`).digest("hex");
  }
}
