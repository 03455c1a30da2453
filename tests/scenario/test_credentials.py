# SPDX-License-Identifier: Apache-2.0
"""A1, A3: tenants and their keys, the admin's token, and credentials that never travel."""

import hashlib
import json

import pytest

from weirtest import chat, config
from weirtest.client import Client

TENANTS = {
    "acme": {"keys": ["key-a", "key-a2"], "models": ["chat"]},
    "globex": {"keys": ["sha256:" + hashlib.sha256(b"key-g").hexdigest()]},
}
A = {"Authorization": "Bearer key-a"}
G = {"Authorization": "Bearer key-g"}


@pytest.fixture(scope="module")
def house(shared_stage):
    upstream = shared_stage.upstream(chat.says())
    setup = config.gateway(upstream, tenants=TENANTS, admin={"token": "admin-secret"})
    setup["upstreams"]["up"]["auth"] = {"bearer": "upstream-secret"}
    setup["models"]["private"] = setup["models"]["chat"]
    return upstream, shared_stage.weir(setup)


@pytest.mark.parametrize(
    "headers",
    [A, G, {"Authorization": "bearer key-a"}, {"x-api-key": "key-a2"}, {"api-key": "key-g"}],
    ids=str,
)
def test_a_right_key_is_let_in_wherever_it_is_written(house, headers):
    assert house[1].post(chat.PATH, chat.question(), headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer key-b"},
        {"Authorization": "Bearer "},
        {"Authorization": "key-a"},
        {"Authorization": "Basic key-a"},
        {"Authorization": "Bearer key-"},
        {"Authorization": "Bearer key-aa"},
        {"x-api-key": "KEY-A"},
        {"api-key": TENANTS["globex"]["keys"][0]},
        {"Cookie": "key=key-a"},
    ],
    ids=str,
)
def test_a_wrong_or_missing_key_is_401_and_reaches_nobody(house, headers):
    upstream, weir = house
    before = len(upstream.calls)
    response = weir.post(chat.PATH, chat.question(), headers)
    assert response.status == 401 and response.error["code"] == "invalid_api_key"
    assert response.header("x-should-retry") == "false"
    assert len(upstream.calls) == before


def test_a_401_comes_before_any_look_at_the_body(house):
    assert house[1].post(chat.PATH, b"{not json").status == 401


def test_a_model_outside_the_list_does_not_exist_for_that_tenant(house):
    body = json.dumps({"model": "private", "messages": []}).encode()
    known = house[1].post(chat.PATH, body, A)
    unknown = house[1].post(chat.PATH, body.replace(b"private", b"nothing"), A)
    assert (known.status, unknown.status) == (404, 404)
    assert known.error["code"] == unknown.error["code"] == "model_not_found"
    assert known.error["message"].replace("private", "nothing") == unknown.error["message"]
    assert house[1].post(chat.PATH, body, G).status == 200


def test_a_tenant_lists_only_its_models(house):
    def names(headers):
        return [m["id"] for m in house[1].get("/v1/models", headers).json()["data"]]

    assert names(A) == ["chat"] and sorted(names(G)) == ["chat", "private"]
    assert house[1].get("/v1/models/private", A).status == 404
    assert house[1].get("/v1/models/private", G).status == 200
    assert house[1].get("/v1/models").status == 401


def test_health_asks_for_no_key(house):
    assert house[1].get("/livez").status == 200
    assert house[1].get("/readyz").status == 200


# -- the admin address -------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/metrics", "/admin/predictions", "/admin/", "/admin",
                                    "/%61dmin/predictions", "/v1/../metrics",
                                    "//metrics"])  # fmt: skip
def test_the_data_plane_never_reaches_admin_or_metrics(house, target):
    for headers in (A, {"Authorization": "Bearer admin-secret"}):
        response = house[1].get(target, headers)
        assert response.status in (400, 401, 404)
        assert b"weir_" not in response.body


def test_absolute_targets_and_host_names_do_not_reach_admin_either(house):
    host, port = house[1].admin
    target = f"http://{host}:{port}/metrics"
    response = house[1].get(target, {**A, "Host": f"{host}:{port}"})
    assert response.status in (400, 401, 404) and b"weir_" not in response.body


def test_admin_pages_ask_for_the_token_and_metrics_do_not(house):
    weir = house[1]
    right = {"Authorization": "Bearer admin-secret"}
    assert weir.ask_admin("/admin/predictions").status == 401
    assert weir.ask_admin("/admin/predictions", headers=A).status == 401
    assert weir.ask_admin("/admin/predictions", headers=right).status == 200
    assert weir.ask_admin("/metrics").status == 200
    assert weir.ask_admin("/livez").status == 200


def test_the_admin_address_serves_no_models(house):
    assert house[1].ask_admin(chat.PATH, "POST", chat.question(), A).status in (401, 404)


# -- what travels upstream ---------------------------------------------------------------


def test_a1_the_callers_credentials_never_travel_and_the_configured_one_does(house):
    upstream, weir = house
    secrets = {
        "Authorization": "Bearer key-a",
        "x-api-key": "key-a",
        "api-key": "key-a",
        "x-goog-api-key": "goog-secret",
        "Cookie": "session=cookie-secret",
        "Proxy-Authorization": "Basic proxy-secret",
        "Connection": "keep-alive, X-Hop-Secret",
        "X-Hop-Secret": "hop-secret",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "X-Forwarded-For": "10.0.0.1",
        "X-Unknown": "unknown-secret",
    }
    assert weir.post(chat.PATH, chat.question("secrets"), secrets).status == 200
    request = upstream.requests[-1]
    assert request.all("authorization") == ["Bearer upstream-secret"]
    head = request.head.decode().lower()
    for word in ("key-a", "goog-secret", "cookie", "proxy-", "hop-secret", "unknown-secret",
                 "x-api-key", "keep-alive:", "te:", "10.0.0.1"):  # fmt: skip
        assert word not in head, head


def test_a1_headers_on_the_list_travel(house):
    upstream, weir = house
    sent = {
        "OpenAI-Organization": "org-1", "OpenAI-Project": "p-1", "OpenAI-Beta": "b=1",
        "Idempotency-Key": "i-1", "User-Agent": "tester/1", "Accept": "application/json",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "a=b",
    }  # fmt: skip
    weir.post(chat.PATH, chat.question("travel"), {**A, **sent})
    for name, value in sent.items():
        assert upstream.requests[-1].all(name) == [value], name


def test_a1_forward_headers_extend_the_list(stage):
    upstream = stage.upstream(chat.says())
    setup = config.gateway(upstream)
    setup["upstreams"]["up"]["forward_headers"] = ["x-region"]
    stage.weir(setup).post(chat.PATH, chat.question(), {"X-Region": "eu"})
    assert upstream.requests[0].all("x-region") == ["eu"]


def test_a1_a_header_credential_is_sent_under_its_name(stage):
    upstream = stage.upstream(chat.says())
    setup = config.gateway(upstream)
    setup["upstreams"]["up"]["auth"] = {"header": "x-api-key", "value": "${UP_KEY}"}
    weir = stage.weir(setup, env={"UP_KEY": "from-environment"})
    weir.post(chat.PATH, chat.question(), {"x-api-key": "callers"})
    assert upstream.requests[0].all("x-api-key") == ["from-environment"]
    assert upstream.requests[0].header("authorization") is None


def test_a1_secrets_and_prompts_are_in_no_log_metric_or_error(house):
    upstream, weir = house
    upstream.next(chat.fails(500))
    failed = weir.post(chat.PATH, chat.question("prompt-secret"), A)
    weir.post(chat.PATH, chat.question("prompt-secret"), {"Authorization": "Bearer key-wrong"})
    weir.wait_logged("exchange_end")
    everything = weir.stderr + weir.metrics.text() + failed.body.decode()
    for word in ("key-a", "key-wrong", "upstream-secret", "admin-secret", "prompt-secret"):
        assert word not in everything, word


def test_a1_no_secret_is_on_the_command_line(house):
    line = open(f"/proc/{house[1].pid}/cmdline", "rb").read()
    assert b"secret" not in line


# -- A3: destinations and parser differentials -------------------------------------------


@pytest.mark.parametrize("member", ["api_base", "base_url", "api_key", "url", "endpoint"])
def test_a3_no_member_of_the_body_chooses_a_destination(stage, member):
    upstream, trap = stage.upstream(chat.says()), stage.upstream(chat.says())
    weir = stage.weir(config.gateway(upstream))
    assert weir.post(chat.PATH, chat.question(**{member: trap.url})).status == 200
    assert (len(upstream.calls), len(trap.calls)) == (1, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a3_redirects_are_not_followed(stage, status):
    trap = stage.upstream(chat.says())
    upstream = stage.upstream(
        chat.says(status=status, body=b"{}", headers={"Location": trap.url + "/chat/completions"})
    )
    weir = stage.weir(config.gateway(upstream))
    response = weir.post(chat.PATH, chat.question())
    assert response.status == 502 and len(trap.calls) == 0
    assert response.header("location") is None


@pytest.mark.parametrize(
    "extra",
    [b'"model":"private"', b'"mod\\u0065l":"private"', b'"stream":true,"stream":false',
     b'"temperature":0,"temperature":1', b'"x":1,"x":1', b'"messages":[]'],
    ids=lambda extra: extra.decode(),
)  # fmt: skip
def test_a3_duplicate_members_are_refused(house, extra):
    upstream, weir = house
    before = len(upstream.calls)
    body = b'{"model":"chat","messages":[],' + extra + b"}"
    response = weir.post(chat.PATH, body, G)
    assert response.status == 400 and response.header("x-should-retry") == "false"
    assert len(upstream.calls) == before


def test_two_credentials_that_differ_do_not_let_anybody_in_by_accident(house):
    headers = {"Authorization": "Bearer key-wrong", "x-api-key": "also-wrong"}
    assert house[1].post(chat.PATH, chat.question(), headers).status == 401


def test_repeated_authorization_is_refused(house):
    with Client(house[1].address) as client:
        body = chat.question()
        client.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer nope\r\n"
            b"Authorization: Bearer key-a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        assert client.response().status in (400, 401)
