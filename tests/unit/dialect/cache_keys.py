#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of docs/cache-keys.md a second time, in another language.

Written from the document, not from the C code, so that the vectors in cache_keys.json are more
than a copy of what the gateway happens to do. Without arguments it checks them; with --write it
fills in `canonical` and `key` of every vector.
"""
import hashlib
import json
import pathlib
import sys
from decimal import Context

VECTORS = pathlib.Path(__file__).with_name("cache_keys.json")
QUIET = {"stream", "stream_options", "user", "metadata", "store", "service_tier",
         "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
         "prompt_cache_options"}
QUIET_MESSAGES = {"stream", "metadata", "service_tier", "speed", "cache_control", "diagnostics"}
ORDERED = {"chat": {"tools", "functions", "response_format"}, "responses": {"tools"},
           "messages": {"tools", "output_config", "output_format"}}
BLOCKS = {"messages", "system", "tools"}
SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
         "\t": "\\t"}


class Number(str):
    """A number's source text."""


def string(text):
    def one(char):
        if char in SHORT:
            return SHORT[char]
        return f"\\u{ord(char):04x}" if ord(char) < 0x20 or 0xD800 <= ord(char) <= 0xDFFF else char
    return '"' + "".join(one(char) for char in text) + '"'


def number(source):
    sign, digits, exponent = Context(prec=10**6).create_decimal(source).as_tuple()
    digits = "".join(map(str, digits)).lstrip("0")
    exponent += len(digits) - len(digits.rstrip("0"))
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    point = len(digits) + exponent
    minus = "-" if sign else ""
    if point > 21 or point <= -6:
        rest = "." + digits[1:] if len(digits) > 1 else ""
        return f"{minus}{digits[0]}{rest}e{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return minus + digits + "0" * (point - len(digits))
    return f"{minus}{digits[:point]}.{digits[point:]}"


def canonical(value, kept=False, format_kept=False, blocks=False):
    if isinstance(value, Number):
        return number(value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(each, kept, blocks=blocks) for each in value) + "]"
    if isinstance(value, dict):
        names = [name for name in value if not (blocks and name == "cache_control")]
        if not kept:
            names.sort(key=lambda name: name.encode("utf-8", "surrogatepass"))
        return "{" + ",".join(
            string(name) + ":" + canonical(
                value[name],
                kept or (format_kept and name == "format") or (blocks and name == "input"),
                blocks=blocks and name == "content")
            for name in names) + "}"
    return json.dumps(value)


def body_of(endpoint, body):
    value = json.loads(body, parse_int=Number, parse_float=Number)
    if endpoint == "predict":
        return canonical(value)
    quiet = QUIET_MESSAGES if endpoint == "messages" else QUIET
    left = {name: item for name, item in value.items() if name not in quiet | {"model"}}
    return "{" + ",".join(
        string(name) + ":" + canonical(left[name], name in ORDERED.get(endpoint, ()),
                                       endpoint == "responses" and name == "text",
                                       endpoint == "messages" and name in BLOCKS)
        for name in sorted(left, key=lambda name: name.encode())) + "}"


def key_of(vector, text):
    parts = [vector["scope"], vector["endpoint"], vector["model"], vector["plan"],
             vector["headers"], text]
    digest = hashlib.sha256(b"\x01")
    for part in parts:
        part = part.encode("utf-8", "surrogatepass")
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def main():
    vectors = json.loads(VECTORS.read_text())
    wrong = 0
    for vector in vectors:
        text = body_of(vector["endpoint"], vector["body"])
        made = {"canonical": text, "key": key_of(vector, text)}
        if "--write" in sys.argv:
            vector.update(made)
        elif any(vector.get(name) != made[name] for name in made):
            wrong += 1
            print("differs:", vector["name"], made)
    if "--write" in sys.argv:
        VECTORS.write_text(json.dumps(vectors, indent=1, ensure_ascii=True) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
