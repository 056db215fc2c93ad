import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface TestCertificate {
  /** PEM files of the authority, and of the server's certificate and key. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** An authority of its own and a certificate of it for this machine, made by openssl in `folder`. */
export async function makeCertificate(folder: string): Promise<TestCertificate> {
  const file = (name: string) => join(folder, name);
  const openssl = (words: string) => run("openssl", words.split(" "), { cwd: folder });
  const newKey = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  await openssl(`req -x509 ${newKey} -days 2 -subj /CN=Test-authority -keyout ca.key -out ca.pem`);
  await openssl(`req -new ${newKey} -subj /CN=localhost -keyout server.key -out server.csr`);
  await writeFile(file("names.cnf"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  await openssl(
    "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -CAcreateserial -extfile names.cnf -out server.pem",
  );
  const [cert, key] = await Promise.all([
    readFile(file("server.pem")),
    readFile(file("server.key")),
  ]);
  return {
    caFile: file("ca.pem"),
    certFile: file("server.pem"),
    keyFile: file("server.key"),
    cert,
    key,
  };
}
