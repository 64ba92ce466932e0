//! `rollcall firmware delta`.

use http::Method;
use rollcall_wire::console::{DeltaSpec, FirmwareView, ProblemCode};
use serde::Serialize;

use super::client::{Ask, Client};
use super::firmware::{destination, not_uploaded, path};
use super::input;
use super::table::pairs;
use super::upload::sha256;
use crate::args::AddDelta;
use crate::out::{print, print_json, say};
use crate::problem::Problem;

/// A delta, and what is known of it.
#[derive(Debug, Serialize)]
struct Known<'a> {
    model: &'a str,
    version: &'a str,
    from: &'a str,
    #[serde(flatten)]
    delta: DeltaSpec,
}

/// Uploads a delta, and makes it known.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(super) async fn add(args: &AddDelta) -> Result<(), Problem> {
    let AddDelta { image, from, file, place, .. } = args;
    let client = Client::open(&image.connection.address).await?;
    let s3 = destination(place, &client)?;
    let delta = describe(args).await?;
    // What the console would refuse is said before anything is uploaded.
    let makes: FirmwareView = client.ask(Ask::new(Method::GET, path(image))).await?;
    let base = format!("/v1/firmware/{}/{}", image.model.as_str(), from.as_str());
    let has: FirmwareView = client.ask(Ask::new(Method::GET, base)).await?;
    if [&makes.object_key, &has.object_key].contains(&&delta.object_key) {
        return Err(Problem::new(format!(
            "{} is the object of an image, which the delta would replace: name another one with --object-key",
            delta.object_key
        )));
    }
    if delta.size >= makes.size {
        return Err(Problem::new(format!(
            "{} has {} bytes, and the image has {}: such a delta saves nothing; nothing was uploaded",
            input::name(file),
            delta.size,
            makes.size
        )));
    }
    match &s3 {
        Some(s3) => {
            refuse_another(&client, args, &delta).await?;
            s3.upload(file, (&delta.object_key, delta.size, &delta.sha256)).await?;
        }
        None => say(&not_uploaded("delta", &delta.object_key)),
    }
    let body = serde_json::to_vec(&delta).map_err(|error| Problem::plain(&error))?;
    let known = client.ask(Ask::new(Method::PUT, delta_path(args)).with_body(body)).await?;
    print_known(args, known, makes.size)
}

/// What is to be known of a delta. What is wrong with it is said before the file is read, which may take a while.
async fn describe(args: &AddDelta) -> Result<DeltaSpec, Problem> {
    let AddDelta { image, from, file, object_key, .. } = args;
    let shown = input::name(file);
    if image.version == *from {
        let from = from.as_str();
        return Err(Problem::new(format!(
            "{shown} can't be added: a delta from {from} to {from} makes nothing new (--from)"
        )));
    }
    let found = std::fs::metadata(file);
    let found = found.map_err(|error| Problem::new(format!("{shown} can't be opened: {error}")))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let (model, version) = (image.model.as_str(), image.version.as_str());
    let named = || format!("{model}/{version}/from-{}/{name}", from.as_str());
    let object_key = object_key.clone().unwrap_or_else(named);
    let delta = DeltaSpec { object_key, size: found.len(), sha256: "0".repeat(64) };
    delta.check().map_err(|error| Problem::new(format!("{shown} can't be added: {error} (--object-key)")))?;
    Ok(DeltaSpec { sha256: sha256(file).await?, ..delta })
}

/// Asked before anything is uploaded: the object of another delta may be the one that is written over.
async fn refuse_another(client: &Client, args: &AddDelta, delta: &DeltaSpec) -> Result<(), Problem> {
    let known = client.find(Ask::new(Method::GET, delta_path(args)), ProblemCode::UnknownFirmware).await?;
    if known.is_none_or(|known: DeltaSpec| known == *delta) {
        return Ok(());
    }
    let AddDelta { image, from, .. } = args;
    let (model, version, from) = (image.model.as_str(), image.version.as_str(), from.as_str());
    Err(Problem::new(format!(
        "another delta from {from} to {version} of {model} is known: it never changes, so nodes keep that one or the image; \
         nothing was uploaded"
    )))
}

fn delta_path(args: &AddDelta) -> String {
    format!("{}/deltas/{}", path(&args.image), args.from.as_str())
}

fn print_known(args: &AddDelta, delta: DeltaSpec, image: u64) -> Result<(), Problem> {
    let AddDelta { image: of, from, .. } = args;
    let (model, version, from) = (of.model.as_str(), of.version.as_str(), from.as_str());
    if of.connection.json {
        return print_json(&Known { model, version, from, delta });
    }
    print(&pairs(&[
        ("model", model.to_owned()),
        ("version", version.to_owned()),
        ("from", from.to_owned()),
        ("object key", delta.object_key),
        ("size", format!("{} bytes, {}", delta.size, share(delta.size, image))),
        ("sha256", delta.sha256),
    ]))
}

/// How large a delta is, compared with the image that it makes.
pub(super) fn share(delta: u64, image: u64) -> String {
    let percent = (u128::from(delta) * 100).div_ceil(u128::from(image.max(1)));
    format!("{percent} % of the image")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_so_that_a_delta_is_never_nothing() {
        for (delta, image, percent) in [(1, 1_000, 1), (10, 1_000, 1), (11, 1_000, 2), (999, 1_000, 100), (1, 0, 100)] {
            assert_eq!(share(delta, image), format!("{percent} % of the image"));
        }
        assert_eq!(share(u64::MAX - 1, u64::MAX), "100 % of the image");
    }
}
