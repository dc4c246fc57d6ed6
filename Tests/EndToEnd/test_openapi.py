"""The OpenAPI document, judged by a validator that is not ours."""
import json

import openapi_spec_validator

import far_side

GOLDEN = far_side.ROOT / "Tests" / "Golden" / "openapi.json"


def test_the_reviewed_document_is_valid_openapi():
    openapi_spec_validator.validate(json.loads(GOLDEN.read_text()))


def test_the_served_document_is_valid_and_the_reviewed_one(server):
    status, headers, body = far_side.call(server.url + "/openapi.json")
    assert status == 200 and headers["content-type"] == "application/json"
    served, golden = json.loads(body), json.loads(GOLDEN.read_text())
    openapi_spec_validator.validate(served)
    for part in ("openapi", "info", "tags", "paths"):
        assert served[part] == golden[part], part
    assert served["components"]["schemas"] == golden["components"]["schemas"]
