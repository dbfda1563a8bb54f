"""Records what the official runtime does with random programs over the kernel: `tests/tests/oracle.rs` compares.

It is no part of any build. It needs the Extism Python SDK in an environment of its own, since both packages are named
`extism`:

    python3 -m venv /somewhere && /somewhere/bin/pip install extism==1.1.1 extism-sys==1.41.0
    /somewhere/bin/python tests/oracle/record.py

A line of `programs.txt` is one program: its return code, its input, its operations, then what each operation returned,
then how the call ended. Addresses differ between runtimes, so an address is written as the operation that returned it
first (`=3`), as a new one (`*`) or as none (`0`); an operation that returns nothing has `-`.
"""

import base64
import json
import pathlib
import random
import struct

import extism

HERE = pathlib.Path(__file__).parent
PROGRAMS = 2000

#: Letter, operands, what is returned: nothing, a number or an address. In the order of the guest's table.
OPERATIONS = {
    "a": (1, "address"), "f": (1, ""), "l": (1, "number"), "u": (1, "number"),
    "b": (1, "number"), "w": (1, "number"), "s": (2, ""), "S": (2, ""),
    "i": (0, "address"), "n": (0, "number"), "c": (1, "number"), "C": (1, "number"),
    "I": (2, ""), "o": (2, ""), "p": (0, "address"), "q": (0, "number"),
    "e": (1, ""), "E": (0, "address"), "k": (1, "address"), "v": (1, "address"), "V": (2, ""),
    "g": (1, ""), "G": (1, ""), "m": (0, "number"), "t": (1, "address"),
}  # fmt: skip
TEXTS = [3, 5, 6, 2, 12]
CONFIG = {"key": "value", "empty": ""}


def program(rng):
    """Operations as (letter, operands); an operand is (register, number)."""
    records, blocks, gone = [], [], set()  # blocks: position, length
    given = rng.choice([b"", b"", b"k", b"key", b"the input of it"])

    def add(letter, *operands):
        records.append((letter, operands))
        return len(records) - 1

    def constant(number):
        return (None, number)

    def bogus():
        return constant(rng.choice([0, 0, 1, 8, 63]))

    def block(kind):
        # What builtins do not know ends the program, so they mostly get what they do.
        careful = kind in "kvV" and rng.random() < 0.85
        choice = [known for known in blocks if not (careful and known[0] in gone)]
        if not choice or (not careful and rng.random() < 0.07):
            return bogus(), 0
        at, length = rng.choice(choice)
        if kind in "fkvVgG":
            gone.add(at)
        return (at, 0 if careful else rng.choice([0, 0, 0, 0, 0, 0, 0, 1])), length

    if given and rng.random() < 0.7:
        blocks.append((add("i"), len(given)))
    for _ in range(rng.randint(4, 14)):
        kind = rng.choice("aattttttffffllubwsSSincCIooooopqeeeeEkvVVVggGm")
        at, length = block(kind)
        inside = (at[0], rng.randrange(length)) if at[0] is not None and length else bogus()
        if kind == "a":
            length = rng.choice([1, 2, 7, 8, 9, 16, 17, 100, 500])
            blocks.append((add("a", constant(length)), length))
        elif kind == "t":
            text = rng.randrange(len(TEXTS))
            blocks.append((add("t", constant(text)), TEXTS[text]))
        elif kind in "fluegG":
            add(kind, at)
        elif kind == "b":
            add("b", inside)
        elif kind == "s":
            add("s", inside, constant(rng.randrange(256)))
        elif kind in "wS" and length >= 8 and at[0] is not None:
            inside = (at[0], rng.randrange(length - 7))
            add(*(["w", inside] if kind == "w" else ["S", inside, constant(rng.getrandbits(63))]))
        elif kind in "Io" and at[0] is not None and length:
            start = rng.choice([0, 0, rng.randrange(length)])
            add(kind, (at[0], start), constant(rng.choice([length - start, rng.randint(0, length - start)])))
        elif kind == "o":
            add("o", bogus(), constant(rng.choice([0, 1, 8])))
        elif kind in "cC":
            add(kind, constant(rng.randrange(17)))
        elif kind in "inpqEm":
            add(kind)
        elif kind in "kv":
            found = add(kind, at)
            # It may be none, so nothing but handles is made of it.
            if rng.random() < 0.5:
                add(rng.choice("fleg"), (found, 0))
        elif kind == "V":
            value, _ = block(kind)
            add("V", at, rng.choice([value, value, constant(0)]))
    return rng.choice([0, 0, 0, 1]), given, records


def encoded(code, records):
    data = struct.pack("<q", code)
    letters = list(OPERATIONS)
    for letter, operands in records:
        (r0, n0), (r1, n1) = (*operands, (None, 0), (None, 0))[:2]
        registers = [0xFFFF if r is None else r for r in (r0, r1)]
        data += struct.pack("<BxHHxxqq", letters.index(letter), *registers, n0, n1)
    return data


def shown(register, number):
    return str(number) if register is None else f"r{register}" + (f"+{number}" if number else "")


def canonical(records, results):
    """What the operations returned, without addresses."""
    found, seen = [], {}
    for position, ((letter, _), value) in enumerate(zip(records, results, strict=True)):
        kind = OPERATIONS[letter][1]
        if kind == "":
            found.append("-")
        elif kind == "number" or value == 0:
            found.append(str(value))
        else:
            found.append(f"={seen[value]}" if value in seen else "*")
            seen.setdefault(value, position)
    return found


def run(compiled_manifest, code, given, records):
    with extism.Plugin(compiled_manifest) as plugin:
        plugin.call("load", encoded(code, records))
        try:
            outcome = f"ok {bytes(plugin.call('run', given)).hex()}"
        except extism.Error as error:
            text = str(error)
            if "wasm backtrace" in text:
                outcome = "failed"
            elif text.startswith("Error code: "):
                outcome = f"code {text.removeprefix('Error code: ')}"
            else:
                outcome = f"error {text.encode().hex()}"
        except UnicodeDecodeError as error:
            outcome = f"error {error.object.hex()}"
        data = bytes(plugin.call("results", b""))
    return struct.unpack(f"<{len(data) // 8}q", data), outcome


def main():
    wasm = (HERE / "guest.wat").read_bytes()
    manifest = {"wasm": [{"data": base64.b64encode(wasm).decode()}], "config": CONFIG}
    rng = random.Random(18)
    lines, seen = [], set()
    while len(lines) < PROGRAMS:
        code, given, records = program(rng)
        operations = " ".join(letter + ",".join(shown(*o) for o in operands) for letter, operands in records)
        if not records or (code, given, operations) in seen:
            continue
        seen.add((code, given, operations))
        results, outcome = run(manifest, code, given, records)
        found = " ".join(canonical(records, results))
        lines.append(f"{code}|{given.hex()}|{operations}|{found}|{outcome}")
    (HERE / "programs.txt").write_text("\n".join(lines) + "\n")
    print(json.dumps({"programs": len(lines), "version": extism.extism_version()}))


if __name__ == "__main__":
    main()
