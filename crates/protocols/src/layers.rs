//! Layers of `tower`, for every framework that is built on it: nobody reaches the service behind without a signed request, or
//! without an access token. What was found is in the request's extensions; with the feature `axum` it can be an argument.
//!
//! The vault and its store are synchronous: each check runs in the blocking pool of `tokio`.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tower_layer::Layer;
use tower_service::Service;
use zamok_cabinet::Cabinet;
use zamok_core::Error as CoreError;

use crate::error::Error;
use crate::jose::Thumbprint;
use crate::proof::{Asked, Proofs};
use crate::request::{Client, SignedRequests, message_of};
use crate::token::{Access, AccessTokens, CertificateHash, Shown};

/// What a layer lets through, and with whom.
#[derive(Clone, Debug)]
enum Door {
    Signed { tag: Arc<str> },
    Token { audience: Arc<str> },
}

/// A layer that lets nobody through who has not shown who he is.
#[derive(Clone, Debug)]
pub struct AuthLayer {
    cabinet: Arc<Cabinet>,
    origin: Arc<str>,
    door: Door,
}

impl AuthLayer {
    /// Lets requests through that a registered client signed for the application `tag` ([`SignedRequests`]); the [`Client`] is
    /// in the extensions. `origin` is what this server is known as, as `https://bank.example`.
    #[must_use]
    pub fn signed_requests(
        cabinet: Arc<Cabinet>,
        origin: impl Into<Arc<str>>,
        tag: impl Into<Arc<str>>,
    ) -> Self {
        Self { cabinet, origin: origin.into(), door: Door::Signed { tag: tag.into() } }
    }

    /// Lets requests through with an access token for `audience` (RFC 6750, and RFC 9449 with a proof); the [`Access`] is in the
    /// extensions. A server of mutual TLS puts the client's [`CertificateHash`] into the extensions before.
    ///
    /// Both layers take the address of the client from the extensions, where the server puts it before: an [`IpAddr`], or the
    /// [`SocketAddr`] of the connection. Behind a proxy it is what the proxy says, and nothing that a client wrote.
    #[must_use]
    pub fn access_tokens(
        cabinet: Arc<Cabinet>,
        origin: impl Into<Arc<str>>,
        audience: impl Into<Arc<str>>,
    ) -> Self {
        Self { cabinet, origin: origin.into(), door: Door::Token { audience: audience.into() } }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth { layer: self.clone(), inner }
    }
}

/// The service behind an [`AuthLayer`]. Bodies are read whole, up to the policy's bound.
#[derive(Clone, Debug)]
pub struct Auth<S> {
    layer: AuthLayer,
    inner: S,
}

/// Answers of services come as they are, refusals with an empty body.
type Answer<B> = Result<Response<B>, Infallible>;

impl<S, B, R> Service<Request<B>> for Auth<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer<R>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was ready is the one that is called.
        let fresh = self.inner.clone();
        let mut inner = core::mem::replace(&mut self.inner, fresh);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let limit = layer.cabinet.policy().request.body;
            let body = match Limited::new(body, limit).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => {
                    return Ok(refusal(Refused::of(Error::TooLarge { limit })));
                }
                Err(_) => return Ok(refusal(Refused::status(StatusCode::BAD_REQUEST))),
            };
            let checked = tokio::task::spawn_blocking(move || layer.check(parts, body)).await;
            match checked {
                Ok(Ok((parts, body))) => inner.call(Request::from_parts(parts, Full::new(body))).await,
                Ok(Err(refused)) => Ok(refusal(refused)),
                // The check panicked, or the runtime ends: nobody gets through.
                Err(_) => Ok(refusal(Refused::status(StatusCode::INTERNAL_SERVER_ERROR))),
            }
        })
    }
}

/// Why nobody got through.
struct Refused {
    status: StatusCode,
    headers: HeaderMap,
}

impl Refused {
    fn status(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new() }
    }

    fn of(error: Error) -> Self {
        Self::status(match error {
            Error::Unsigned(_) | Error::NotFresh | Error::NonceNeeded => StatusCode::UNAUTHORIZED,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Full => StatusCode::SERVICE_UNAVAILABLE,
            Error::Cabinet(zamok_cabinet::Error::NotAllowed | zamok_cabinet::Error::OutsideLimits) => {
                StatusCode::FORBIDDEN
            }
            Error::Cabinet(
                zamok_cabinet::Error::Core(CoreError::Rejected) | zamok_cabinet::Error::SessionEnded,
            ) => StatusCode::UNAUTHORIZED,
            Error::Cabinet(zamok_cabinet::Error::Core(
                CoreError::Busy | CoreError::Locked | CoreError::Store(_),
            )) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        })
    }

    fn with(mut self, name: http::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }
}

/// What of the two is wrong, where a token comes with a proof.
enum Wrong {
    Proof(Error),
    Token(zamok_cabinet::Error),
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self::Proof(error)
    }
}

fn refusal<R: Default>(refused: Refused) -> Response<R> {
    let mut response = Response::new(R::default());
    (*response.status_mut(), *response.headers_mut()) = (refused.status, refused.headers);
    response
}

impl AuthLayer {
    fn check(&self, mut parts: Parts, body: Bytes) -> Result<(Parts, Bytes), Refused> {
        match &self.door {
            Door::Signed { tag } => {
                let client = message_of(&self.origin, &parts)
                    .and_then(|message| {
                        let requests = SignedRequests::new(&self.cabinet, &**tag);
                        requests.from_address(address(&parts)).check(&message, &body)
                    })
                    .map_err(Refused::of)?;
                parts.extensions.insert::<Client>(client);
            }
            Door::Token { audience } => {
                let access = self.access(&parts, audience)?;
                parts.extensions.insert::<Access>(access);
            }
        }
        Ok((parts, body))
    }

    fn access(&self, parts: &Parts, audience: &str) -> Result<Access, Refused> {
        let realm = |scheme: &str, error: &str| {
            Refused::status(StatusCode::UNAUTHORIZED).with(WWW_AUTHENTICATE, &format!("{scheme}{error}"))
        };
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(realm("Bearer", "").with(WWW_AUTHENTICATE, DPOP));
        };
        let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
        // RFC 9110 §11.4: one blank or more.
        let token = token.trim_start_matches(' ');
        let certificate = parts.extensions.get::<CertificateHash>().copied();
        let shown = Shown { certificate, key: None, address: address(parts) };
        let tokens = AccessTokens::new(&self.cabinet, audience);
        let denied = |scheme: &str, error: zamok_cabinet::Error| {
            let refused = Refused::of(error.into());
            if refused.status == StatusCode::UNAUTHORIZED {
                realm(scheme, r#" error="invalid_token""#)
            } else {
                refused
            }
        };
        if scheme.eq_ignore_ascii_case("dpop") {
            // The token before the proof is used up: anybody can make proofs, and each that is remembered takes a place.
            let check = |key| tokens.check(token, &Shown { key: Some(key), ..shown }).map_err(Wrong::Token);
            return self.proven(parts, token, check, |error| denied("DPoP", error));
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(realm("Bearer", "").with(WWW_AUTHENTICATE, DPOP));
        }
        tokens.check(token, &shown).map_err(|error| denied("Bearer", error))
    }

    /// What `check` says of the token, with a proof that was made for it.
    fn proven(
        &self,
        parts: &Parts,
        token: &str,
        check: impl FnOnce(Thumbprint) -> Result<Access, Wrong>,
        denied: impl FnOnce(zamok_cabinet::Error) -> Refused,
    ) -> Result<Access, Refused> {
        let invalid = |error: &str| {
            Refused::status(StatusCode::UNAUTHORIZED)
                .with(WWW_AUTHENTICATE, &format!("{DPOP}, error=\"{error}\""))
        };
        let mut values = parts.headers.get_all("dpop").iter();
        // RFC 9449 §4.3, step 1: one header, and no more.
        let (Some(proof), None) = (values.next().and_then(|value| value.to_str().ok()), values.next()) else {
            return Err(invalid("invalid_dpop_proof"));
        };
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("{}{path}", self.origin);
        let proofs = Proofs::new(&self.cabinet);
        let asked = Asked { method: parts.method.as_str(), uri: &uri, access_token: Some(token) };
        proofs.check_behind(proof, &asked, check).map_err(|wrong| match wrong {
            Wrong::Token(error) => denied(error),
            Wrong::Proof(Error::NonceNeeded) => match proofs.nonce() {
                Ok(nonce) => {
                    invalid("use_dpop_nonce").with(http::HeaderName::from_static("dpop-nonce"), &nonce)
                }
                Err(error) => Refused::of(error),
            },
            Wrong::Proof(error) => {
                let refused = Refused::of(error);
                if refused.status == StatusCode::UNAUTHORIZED {
                    invalid("invalid_dpop_proof")
                } else {
                    refused
                }
            }
        })
    }
}

/// The address of the client, where the server has put it.
fn address(parts: &Parts) -> Option<IpAddr> {
    let connection = || parts.extensions.get::<SocketAddr>().map(SocketAddr::ip);
    parts.extensions.get::<IpAddr>().copied().or_else(connection)
}

/// RFC 9449 §7.1: the algorithms that proofs may have.
const DPOP: &str = r#"DPoP algs="ES256 ES384 EdDSA PS256 RS256""#;

/// Arguments of handlers in `axum`: what a layer found. Without the layer, nobody gets through either.
#[cfg(feature = "axum")]
mod axum {
    use axum_core::extract::FromRequestParts;
    use http::StatusCode;
    use http::request::Parts;

    use crate::request::Client;
    use crate::token::Access;

    impl<S: Sync> FromRequestParts<S> for Access {
        type Rejection = StatusCode;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
            parts.extensions.get().cloned().ok_or(StatusCode::UNAUTHORIZED)
        }
    }

    impl<S: Sync> FromRequestParts<S> for Client {
        type Rejection = StatusCode;

        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
            parts.extensions.get().copied().ok_or(StatusCode::UNAUTHORIZED)
        }
    }
}
