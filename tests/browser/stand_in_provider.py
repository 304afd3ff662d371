"""A provider of OpenID Connect on loopback, for tests: whoever comes is signed in at once, as the person it was started for.

python -m tests.browser.stand_in_provider PORT EMAIL
"""

import sys
import time

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route


def provider(address: str, email: str) -> Starlette:
    """Its discovery document, its keys, and a sign-in without a question."""
    key = RSAKey.generate_key(2048, {"kid": "only", "use": "sig", "alg": "RS256"})
    nonces: dict[str, str] = {}

    def discovery(_request: Request) -> Response:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        about = {"issuer": address, "id_token_signing_alg_values_supported": ["RS256"], "response_types_supported": ["code"]}
        return JSONResponse(about | {name: f"{address}/{place}" for name, place in places.items()})

    def authorize(request: Request) -> Response:
        asked = request.query_params
        nonces["code"] = asked["nonce"]
        return RedirectResponse(f"{asked['redirect_uri']}?code=code&state={asked['state']}", status_code=302)

    def token(_request: Request) -> Response:
        now = int(time.time())
        claims = {"iss": address, "sub": "1", "aud": "encoderscope", "iat": now, "exp": now + 600, "nonce": nonces.pop("code")}
        claims |= {"email": email, "email_verified": True}
        signed = jwt.encode({"alg": "RS256", "kid": "only"}, claims, key)
        return JSONResponse({"access_token": "none", "token_type": "Bearer", "expires_in": 600, "id_token": signed})

    def keys(_request: Request) -> Response:
        return JSONResponse({"keys": [key.as_dict(private=False)]})

    at = {"/.well-known/openid-configuration": discovery, "/authorize": authorize, "/keys": keys}
    routes = [Route(path, answer) for path, answer in at.items()]
    return Starlette(routes=[*routes, Route("/token", token, methods=["POST"])])


if __name__ == "__main__":
    port, email = int(sys.argv[1]), sys.argv[2]
    uvicorn.run(provider(f"http://localhost:{port}", email), host="127.0.0.1", port=port, log_level="warning")
