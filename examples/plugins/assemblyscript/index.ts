import { Host } from "@extism/as-pdk";

export function greet(): i32 {
  Host.outputString("Hello, " + Host.inputString() + "!");
  return 0;
}

function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  unreachable();
}
