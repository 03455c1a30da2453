# SPDX-License-Identifier: Apache-2.0
"""`weir check`, `version`, `help`: every fault in one run, each with its line and a suggestion."""

import json
import pathlib
import re

import pytest

from weirtest import process

GOOD = """\
server:
  listen: 127.0.0.1:0
admin:
  listen: 127.0.0.1:0
upstreams:
  local:
    dialect: openai
    endpoints: [http://127.0.0.1:8001/v1]
models:
  chat:
    routes:
      - {upstream: local, model: m}
    deadline: 30s
"""


def check(text, env=None):
    return process.run("check", "-c", "{file}", config=text, env=env)


def said(result):
    return result.stdout + result.stderr


def fault(text, line, *words, env=None):
    """One fault on that line, in words that hold all of these."""
    result = check(text, env)
    assert result.returncode == 2, said(result)
    rows = [row for row in said(result).splitlines() if re.search(rf"weir\.yaml:{line}: ", row)]
    assert any(all(word in row for word in words) for row in rows), said(result)


def test_a_good_file_exits_0():
    assert check(GOOD).returncode == 0


def test_a_json_file_works_too():
    setup = {
        "upstreams": {"local": {"dialect": "openai", "endpoints": ["http://127.0.0.1:1/v1"]}},
        "models": {"chat": {"routes": [{"upstream": "local", "model": "m"}]}},
    }
    assert check(json.dumps(setup)).returncode == 0


def test_an_unknown_upstream_is_named_with_its_line_and_a_suggestion():
    fault(GOOD.replace("upstream: local", "upstream: locl"), 12,
          "models.chat.routes[0].upstream", '"locl"', 'did you mean "local"?')  # fmt: skip


def test_an_endpoint_that_stands_twice_is_named_with_its_line():
    twice = "[http://127.0.0.1:8001/v1, http://127.0.0.1:8001/v1/]"
    fault(GOOD.replace("[http://127.0.0.1:8001/v1]", twice), 8,
          "upstreams.local.endpoints[1]", "twice", "weight")  # fmt: skip


def test_an_unknown_key_is_named_with_its_line_and_a_suggestion():
    fault(GOOD.replace("  listen: 127.0.0.1:0\nadmin", "  listne: 127.0.0.1:0\nadmin"), 2,
          "listne", 'did you mean "listen"?')  # fmt: skip


def test_every_fault_is_told_in_one_run():
    text = GOOD.replace("30s", "30 parsecs").replace("openai", "opnai").replace("127.0.0.1:0", "home")
    rows = said(check(text)).splitlines()
    for line in (2, 4, 7, 13):
        assert any(f"weir.yaml:{line}: " in row for row in rows), rows


@pytest.mark.parametrize(
    "line, old, new",
    [
        (13, "30s", "thirty"),
        (13, "30s", "-1s"),
        (13, "30s", "[1]"),
        (7, "openai", "opnai"),
        (8, "[http://127.0.0.1:8001/v1]", "[]"),
        (8, "http://", "ftp://"),
        (8, "http://127.0.0.1:8001/v1", "not a url"),
        (2, "127.0.0.1:0", "127.0.0.1:70000"),
        (12, "model: m", "modle: m"),
    ],
)
def test_a_value_out_of_shape_is_a_fault_on_its_line(line, old, new):
    assert old in GOOD
    fault(GOOD.replace(old, new, 1), line)


def test_broken_yaml_names_the_line():
    result = check("server: {listen: [\n\n")
    assert result.returncode == 2 and re.search(r"weir\.yaml:\d+: ", said(result))


def test_a_duplicate_key_is_a_fault():
    fault(GOOD + "server:\n  workers: 1\n", 14, "server")


def test_environment_and_files_are_filled_in(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    text = GOOD.replace("model: m", "model: '${MODEL}'").replace("30s", "'${WAIT:-5s}'")
    text += "tenants:\n  acme: {keys: ['${file:%s}']}\n" % secret
    assert check(text, {"MODEL": "m"}).returncode == 0


def test_an_unset_name_without_default_is_a_fault_on_its_line():
    fault(GOOD.replace("model: m", "model: '${NOT_SET_ANYWHERE}'"), 12, "NOT_SET_ANYWHERE")


def test_a_missing_secret_file_is_a_fault():
    text = GOOD + "tenants:\n  acme: {keys: ['${file:/nowhere/at/all}']}\n"
    fault(text, 15, "/nowhere/at/all")


def test_secrets_are_not_printed_with_a_fault():
    text = GOOD + "tenants:\n  acme: {keys: ['${KEY}'], modls: [chat]}\n"
    result = check(text, {"KEY": "very-secret"})
    assert result.returncode == 2 and "very-secret" not in said(result)


def test_an_open_admin_address_needs_a_token():
    text = GOOD.replace("admin:\n  listen: 127.0.0.1:0", "admin:\n  listen: 0.0.0.0:0")
    result = check(text)
    assert result.returncode == 2 and "token" in said(result)
    assert check(text.replace("0.0.0.0:0", "0.0.0.0:0\n  token: abc")).returncode == 0


def test_open_access_beyond_loopback_is_a_warning_not_a_fault():
    text = GOOD.replace("127.0.0.1:0", "0.0.0.0:0", 1)
    result = check(text)
    assert result.returncode == 0 and "tenants" in said(result)
    assert re.search(r"^warning: .*weir\.yaml:2: ", said(result), re.M), said(result)


def test_beside_a_fault_a_warning_is_told_as_what_it_is():
    text = GOOD.replace("{upstream: local, model: m}", "{upstream: locl, model: m, weight: 1}")
    warned, faulty = said(check(text)).splitlines()
    assert warned.startswith("warning: ") and "no effect in this version" in warned
    assert re.match(r"[^ ]*weir\.yaml:12: ", faulty)


def test_a_missing_file_exits_2_and_names_it():
    result = process.run("check", "-c", "/nowhere/weir.yaml")
    assert result.returncode == 2 and "/nowhere/weir.yaml" in said(result)


def test_serve_refuses_a_faulty_file_with_the_same_words():
    text = GOOD.replace("upstream: local", "upstream: locl")
    served = process.run("serve", "-c", "{file}", config=text)
    assert served.returncode == 2 and 'did you mean "local"?' in said(served)


MORE = GOOD + """\
    fallback: [{model: small}, stale, {rules: support}]
    respond_within: 200ms
  small:
    routes:
      - {upstream: local, accept_if: {pointer: /score, at_least: 0.8}}
      - {upstream: patterns}
rules:
  support:
    - {match: "refund|money back", label: refund, score: 0.9}
    - {label: other}
"""
MORE = MORE.replace("models:", "  patterns: {dialect: rules, rules: support}\nmodels:").replace(
    "    endpoints:", "    hedge: {after: p95, at_most: 5%}\n    each_address: true\n    endpoints:"
)


def test_pools_cascades_fallbacks_and_rules_are_taken_without_a_word():
    result = check(MORE)
    assert result.returncode == 0 and not re.search(r"yaml:\d", said(result)), said(result)


@pytest.mark.parametrize(
    "line, old, new, words",
    [
        (8, "p95", "p5", ["upstreams.local.hedge.after", "p50 to p99"]),
        (8, "5%", "5", ["upstreams.local.hedge.at_most", "5%"]),
        (9, "each_address", "each_adress", ['did you mean "each_address"?']),
        (11, "rules: support", "rules: suport", ['did you mean "support"?']),
        (17, "{model: small}", "{model: smal}", ['did you mean "small"?']),
        (17, "{model: small}", "{model: chat}", ["itself"]),
        (18, "200ms", "30s", ["models.chat.respond_within", "deadline"]),
        (21, ", at_least: 0.8", "", ["accept_if", "tests nothing"]),
        (25, "refund|money", "(refund|money", ["rules.support[0].match", "at character"]),
        (25, "score: 0.9", "scor: 0.9", ['did you mean "score"?']),
    ],
)
def test_their_faults_are_named_with_line_and_suggestion(line, old, new, words):
    assert old in MORE
    fault(MORE.replace(old, new, 1), line, *words)


def test_rules_in_a_file_are_told_of_with_its_lines(tmp_path):
    rules = tmp_path / "rules.yaml"
    text = GOOD + f"rules:\n  support: {{file: {rules}}}\n"
    rules.write_text("- {match: refund, label: refund}\n- {match: '(', label: odd}\n")
    result = check(text)
    assert result.returncode == 2 and f"{rules}:2: [1].match: " in said(result), said(result)
    rules.write_text("- {match: refund, label: refund}\n")
    assert check(text).returncode == 0


def test_settings_of_later_versions_are_warned_of():
    result = check(GOOD.replace("model: m}", "model: m, weight: 1}"))
    assert result.returncode == 0 and "no effect in this version" in said(result)


@pytest.mark.parametrize("words", [[], ["srve"], ["serve"], ["check"], ["serve", "--odd"]])
def test_wrong_usage_exits_2_and_says_what_to_type(words):
    result = process.run(*words)
    assert result.returncode == 2 and "weir" in said(result)


def test_version_and_help_exit_0():
    version = process.run("version")
    assert version.returncode == 0 and re.search(r"\d+\.\d+", version.stdout)
    for words in (["help"], ["help", "serve"], ["help", "config"]):
        result = process.run(*words)
        assert result.returncode == 0 and result.stdout
    assert "max_body" in process.run("help", "config").stdout


def test_the_shipped_configurations_are_good():
    for path in sorted((process.ROOT / "config").glob("*.yaml")):
        names = re.findall(r"\$\{(\w+)\}", path.read_text())
        result = process.run("check", "-c", str(path), env={name: "x" for name in names})
        assert result.returncode == 0, f"{pathlib.Path(path).name}: {said(result)}"


README = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
def test_what_the_readme_shows_is_taken_without_a_word(text):
    names = ("OPENAI_API_KEY", "KEY_A", "KEY_B")
    result = check(text, {name: f"a-key-for-{name}" for name in names})
    assert result.returncode == 0 and len(said(result).splitlines()) == 1
