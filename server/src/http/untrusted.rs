//! What reads a stranger's request before anything is known of it, callable with anything: for the crate `untrusted-input`, which
//! tries it on random input in every test run, and for the fuzz targets, which do so for hours. The server itself does not
//! come through here.

use std::future::Ready;

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest};
use taskferry_protocol::describe::RegisterRequest;
use taskferry_protocol::{ClientId, VersionId};

use super::body::{Segment, Upload};
use super::problem::Refusal;
use super::version_id::Version;
use super::{client_id, register};

/// What the head of a request says that adds a version.
#[derive(Debug)]
pub struct Head {
    /// Whose account.
    pub client: ClientId,
    /// The parent.
    pub version: VersionId,
    /// The body's length, if the head says it.
    pub declared: Option<u64>,
}

/// Reads a head as `add-version` does, or refuses it.
pub fn head(request: &HttpRequest) -> Result<Head, Error> {
    let read = || -> Result<Head, Refusal> {
        let client = client_id::read(request.headers())?;
        let Version(version) = extract(request)?;
        let upload: Upload<Segment> = extract(request)?;
        Ok(Head { client, version, declared: upload.declared() })
    };
    read().map_err(Error::from)
}

/// Reads the body of a registration, or refuses it.
pub fn registration(body: &[u8]) -> Result<RegisterRequest, Error> {
    register::read(body).map_err(Error::from)
}

fn extract<T>(request: &HttpRequest) -> Result<T, Refusal>
where
    T: FromRequest<Error = Refusal, Future = Ready<Result<T, Refusal>>>,
{
    T::from_request(request, &mut Payload::None).into_inner()
}
