#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random schemas and documents: the verdicts must be those of python3-jsonschema.

    compare_schemas.py PROGRAM [SEED [SCHEMAS]]

PROGRAM is schema_verdicts. Documents are grown from the schema, so that about half of them fit,
and then a few are broken. What the two may judge differently is not made: members that stand
twice, numbers beyond a double, multiples of fractions (theirs are those of doubles), patterns of which the
engines differ.
"""

import json
import random
import subprocess
import sys

import jsonschema

WORDS = ["a", "b", "name", "age", "x/y", "t~1", "é", "", 'q"', "😀"]
SCALARS = [None, True, False, 0, 1, -1, 1.0, 2.5, 3, 10, 100, -0.5, 1e3, 1e-7, 2**53, 2**53 + 1,
           10**30, -(10**30), "", "a", "b", "abc", "éé", "12", "A1", "😀", 'q"\\/\n', "a\u0000"]
PATTERNS = ["^a", "b$", "^[a-c]+$", "[0-9]", "^$", "^.{2}$", "A|é"]
TYPES = ["null", "boolean", "number", "integer", "string", "array", "object"]


class Grower:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def some(self, items, most):
        return self.rng.sample(items, self.rng.randint(0, min(most, len(items))))

    def value(self, depth=0):
        kind = self.rng.random()
        if depth > 3 or kind < 0.6:
            return self.rng.choice(SCALARS)
        if kind < 0.8:
            return [self.value(depth + 1) for _ in range(self.rng.randint(0, 3))]
        return {name: self.value(depth + 1) for name in self.some(WORDS, 4)}

    # -- schemas -----------------------------------------------------------------------------

    def schema(self, depth=0):
        rng = self.rng
        if rng.random() < 0.06:
            return rng.choice([True, True, False])
        if rng.random() < 0.12:
            return {"$ref": rng.choice(["#/$defs/a", "#/$defs/b~1c"])} | (
                {"minimum": 1} if rng.random() < 0.3 else {})
        made = {}
        for add in rng.sample(self.PARTS, rng.randint(1, 3)):
            add(self, made, depth)
        return made

    def add_type(self, made, depth):
        made["type"] = (self.rng.choice(TYPES) if self.rng.random() < 0.7
                        else self.rng.sample(TYPES, self.rng.randint(1, 3)))

    def add_values(self, made, depth):
        if self.rng.random() < 0.3:
            made["const"] = self.value(2)
        else:
            made["enum"] = [self.value(2) for _ in range(self.rng.randint(1, 4))]

    def add_numbers(self, made, depth):
        for key in self.some(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], 2):
            made[key] = self.rng.choice([0, 1, 1.0, 2.5, -1, 10, 1e2, 2**53, 10**30])
        if self.rng.random() < 0.2:
            made["multipleOf"] = self.rng.choice([1, 2, 3, 5, 7, 10])

    def add_strings(self, made, depth):
        for key in self.some(["minLength", "maxLength"], 2):
            made[key] = self.rng.choice([0, 1, 2, 2.0, 3])
        if self.rng.random() < 0.5:
            made["pattern"] = self.rng.choice(PATTERNS)

    def add_arrays(self, made, depth):
        for key in self.some(["minItems", "maxItems"], 2):
            made[key] = self.rng.randint(0, 3)
        if self.rng.random() < 0.3:
            made["uniqueItems"] = self.rng.random() < 0.8
        if depth < 4 and self.rng.random() < 0.7:
            made["items"] = self.schema(depth + 1)
        if depth < 4 and self.rng.random() < 0.3:
            made["prefixItems"] = [self.schema(depth + 1)
                                   for _ in range(self.rng.randint(1, 3))]

    def add_objects(self, made, depth):
        if self.rng.random() < 0.5:
            made["required"] = self.some(WORDS, 2)
        for key in self.some(["minProperties", "maxProperties"], 1):
            made[key] = self.rng.randint(0, 3)
        if depth < 4:
            made["properties"] = {name: self.schema(depth + 1) for name in self.some(WORDS, 4)}
            if self.rng.random() < 0.5:
                made["additionalProperties"] = (False if self.rng.random() < 0.5
                                                else self.schema(depth + 1))

    def add_several(self, made, depth):
        if depth > 3:
            return
        key = self.rng.choice(["allOf", "anyOf", "oneOf", "not"])
        if key == "not":
            made[key] = self.schema(depth + 1)
        else:
            made[key] = [self.schema(depth + 1) for _ in range(self.rng.randint(1, 3))]

    PARTS = [add_type, add_type, add_values, add_numbers, add_strings, add_arrays, add_objects,
             add_objects, add_several]

    def whole(self):
        made = self.schema()
        if not isinstance(made, dict):
            made = {"properties": {"a": made}}
        made["$defs"] = {"a": self.plain(), "b/c": self.plain()}
        return made

    def plain(self):
        """One that refers to nothing right here, so that nothing goes round in circles."""
        made = {}
        for add in self.rng.sample([Grower.add_type, Grower.add_numbers, Grower.add_strings], 2):
            add(self, made, 9)
        if self.rng.random() < 0.3:
            made["items"] = {"$ref": "#/$defs/a"}
        return made

    # -- documents ---------------------------------------------------------------------------

    def fitting(self, schema, root, depth=0):
        """A guess at what fits; it need not."""
        if not isinstance(schema, dict) or depth > 6:
            return self.value(2)
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1].replace("~1", "/")
            return self.fitting(root["$defs"][name], root, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.rng.choice(schema["enum"])
        for key in ("allOf", "anyOf", "oneOf"):
            if key in schema and self.rng.random() < 0.7:
                return self.fitting(self.rng.choice(schema[key]), root, depth + 1)
        return self.typed(schema, root, depth)

    def typed(self, schema, root, depth):
        type_ = schema.get("type")
        if isinstance(type_, list):
            type_ = self.rng.choice(type_)
        if type_ is None:
            type_ = ("object" if "properties" in schema or "required" in schema
                     else "array" if "items" in schema or "prefixItems" in schema else None)
        if type_ == "object":
            parts = schema.get("properties", {})
            names = set(schema.get("required", [])) | set(self.some(sorted(parts), 4))
            return {n: self.fitting(parts.get(n), root, depth + 1) for n in sorted(names)}
        if type_ == "array":
            first = schema.get("prefixItems", [])
            return [self.fitting(first[i] if i < len(first) else schema.get("items"), root,
                                 depth + 1) for i in range(self.rng.randint(0, 4))]
        wanted = {"null": [None], "boolean": [True, False], "string": ["", "a", "abc", "éé", "A1"],
                  "integer": [0, 1, 3, 10, 1.0], "number": [0, 2.5, 10, -0.5]}
        return self.rng.choice(wanted.get(type_, SCALARS))

    def broken(self, document):
        if isinstance(document, dict) and document and self.rng.random() < 0.7:
            name = self.rng.choice(sorted(document))
            changed = dict(document)
            if self.rng.random() < 0.3:
                del changed[name]
            else:
                changed[name] = self.broken(document[name])
            return changed
        if isinstance(document, list) and document and self.rng.random() < 0.7:
            at = self.rng.randrange(len(document))
            return document[:at] + [self.broken(document[at])] + document[at + 1:]
        return self.value(2)


def ask(program, line):
    program.stdin.write(line + "\n")
    program.stdin.flush()
    return program.stdout.readline().rstrip("\n")


def main(path, seed=1, schemas=1500):
    grower = Grower(int(seed))
    counts = {True: 0, False: 0}
    program = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               encoding="utf-8")
    for _ in range(int(schemas)):
        schema = grower.whole()
        theirs = jsonschema.Draft202012Validator(schema)
        text = json.dumps(schema, ensure_ascii=grower.rng.random() < 0.5)
        if (said := ask(program, "S" + text)) != "ok":
            sys.exit(f"a schema is refused: {said}\n{text}")
        for _ in range(12):
            document = grower.fitting(schema, schema)
            if grower.rng.random() < 0.5:
                document = grower.broken(document)
            expected = theirs.is_valid(document)
            line = json.dumps(document, ensure_ascii=grower.rng.random() < 0.5)
            said = ask(program, "D" + line)
            counts[expected] += 1
            if (said == "fits") != expected or said == "two verdicts":
                sys.exit(f"seed {seed}\nschema   {text}\ndocument {line}\n"
                         f"expected {'fits' if expected else 'a violation'}\nsaid     {said}")
    program.stdin.close()
    if program.wait() != 0:
        sys.exit("the program failed")
    print(f"compare_schemas: {counts[True]} documents fit, {counts[False]} do not")
    if min(counts.values()) < sum(counts.values()) / 5:
        sys.exit("one verdict is too rare to say much")


if __name__ == "__main__":
    main(*sys.argv[1:])
