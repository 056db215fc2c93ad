// The library's decorators need the metadata polyfill before its first line runs.
import "reflect-metadata";

export * from "@peculiar/x509";
