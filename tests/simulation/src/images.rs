//! Firmware images: the bucket, and downloads from it.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rollcall_fleet::BadImage;
use rollcall_machine::{Downloaded, ImageCheck, ImageFault, Target};
use sha2::{Digest as _, Sha256};

use crate::clocks::true_time;
use crate::draw::Draw;
use crate::flash::{Flash, Image};
use crate::kernel::{MS, Micros, S};

/// A download that is under way; or the check of the file that the program has made.
#[derive(Debug)]
pub(crate) struct Download(Target, Option<PathBuf>);

impl Download {
    pub(crate) fn new(target: Target) -> Self {
        Self(target, None)
    }

    /// Whether this file is the target.
    pub(crate) fn check(target: Target, file: PathBuf) -> Self {
        Self(target, Some(file))
    }

    pub(crate) fn version(&self) -> &str {
        &self.0.version
    }

    /// How long it takes.
    pub(crate) fn takes(draw: &mut Draw) -> Micros {
        draw.between(100 * MS, 20 * S)
    }

    /// It ends. `passes`: the network passes anything at the end. The fault that hit it is named.
    pub(crate) fn finish(
        self,
        flash: &mut Flash,
        bad: Option<BadImage>,
        now: Micros,
        passes: bool,
    ) -> (Downloaded, Option<&'static str>) {
        let Self(target, made) = self;
        if let Some(file) = made {
            return (checked(flash, &target, &file), None);
        }
        if !passes {
            return (Downloaded::Broken { why: "no data".to_owned(), further: false }, None);
        }
        if !is_valid(&target, now) {
            return (ImageFault::Refused.outcome(false), None);
        }
        let Some(mut bytes) = object(&target.url) else { return (ImageFault::Status(404).outcome(false), None) };
        let path = PathBuf::from(target.name());
        flash.images.retain(|other, _| *other == path || *other == *target.image_name());
        flash.made = None;
        let new = || Image { bytes: vec![], check: ImageCheck::new(&target), synced: false };
        let mut image = flash.images.remove(&path).unwrap_or_else(new);
        let before = usize::try_from(image.check.taken()).unwrap_or(usize::MAX);
        let mut rest = bytes.split_off(before.min(bytes.len()));
        let hit = match bad {
            Some(BadImage::Damaged) if !rest.is_empty() => {
                rest[0] ^= 1;
                Some("image-damaged")
            }
            Some(BadImage::BrokenOff) => {
                rest.truncate(rest.len() / 2);
                Some("image-broken-off")
            }
            _ => None,
        };
        let further = !rest.is_empty();
        let taken = image.check.take(&rest);
        if taken.is_ok() {
            image.bytes.extend(rest);
        }
        let outcome = match taken.and_then(|()| image.check.finish()) {
            Ok(()) => {
                image.synced = true;
                Downloaded::Complete(path.clone())
            }
            Err(fault) => fault.outcome(further),
        };
        if !matches!(outcome, Downloaded::Wrong(_)) {
            flash.images.insert(path, image);
        }
        (outcome, hit)
    }
}

/// The SHA-256 of a file, in hexadecimal, and its size.
pub(crate) fn described(bytes: &[u8]) -> (String, u64) {
    (HEXLOWER.encode(&Sha256::digest(bytes)), bytes.len() as u64)
}

/// Whether a file that the program has made is the target. If it is not, it is removed.
fn checked(flash: &mut Flash, target: &Target, file: &Path) -> Downloaded {
    let mut check = ImageCheck::new(target);
    let taken = check.take(flash.file(file).unwrap_or_default());
    match taken.and_then(|()| check.finish()) {
        Ok(()) => Downloaded::Complete(file.to_owned()),
        Err(fault) => {
            flash.made = None;
            Downloaded::Wrong(fault.to_string())
        }
    }
}

/// Whether a URL is valid by the bucket's clock, which is right.
fn is_valid(target: &Target, now: Micros) -> bool {
    let from = target.url.rsplit_once("?from=").and_then(|(_, from)| from.parse::<u64>().ok()).unwrap_or_default();
    let (now, life) = (true_time(now).0, u64::from(target.expires_in_s) * 1_000);
    // Amazon S3 takes no request whose time is more than 15 minutes ahead.
    now < from.saturating_add(life) && from < now + 900_000
}

/// The object that a URL names.
fn object(url: &str) -> Option<Vec<u8>> {
    let (path, _) = url.strip_prefix("https://bucket.simulated/")?.split_once('?')?;
    match path.split('/').collect::<Vec<_>>()[..] {
        [model, version, _] => Some(rollcall_fleet::image(model, version)),
        // A delta consists of its key.
        [_, _, _, _] => Some(path.as_bytes().to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rollcall_wire::FirmwareUrl;

    use super::*;

    fn target(from: u64) -> Target {
        let bytes = rollcall_fleet::image("ax", "2.1");
        let url = format!("https://bucket.simulated/{}?from={from}", rollcall_fleet::object_key("ax", "2.1"));
        Target::image(&FirmwareUrl {
            version: "2.1".to_owned(),
            size: bytes.len() as u64,
            sha256: HEXLOWER.encode(&Sha256::digest(&bytes)),
            signature: String::new(),
            url,
            expires_in_s: 900,
            delta: None,
        })
    }

    fn finish(flash: &mut Flash, bad: Option<BadImage>) -> Downloaded {
        Download::new(target(true_time(0).0)).finish(flash, bad, S, true).0
    }

    #[test]
    fn a_download_goes_on_where_an_earlier_one_broke_off() {
        let mut flash = Flash::default();
        assert!(matches!(finish(&mut flash, Some(BadImage::BrokenOff)), Downloaded::Broken { further: true, .. }));
        assert!(matches!(finish(&mut flash, None), Downloaded::Complete(_)));
        let target = target(0);
        let described = flash.images.values().map(|image| described(&image.bytes)).next();
        assert_eq!(described, Some((target.sha256, target.size)));
    }

    #[test]
    fn a_damaged_image_is_wrong_and_is_not_kept() {
        let mut flash = Flash::default();
        assert!(matches!(finish(&mut flash, Some(BadImage::Damaged)), Downloaded::Wrong(_)));
        assert!(flash.images.is_empty());
        assert!(matches!(finish(&mut flash, None), Downloaded::Complete(_)));
    }

    #[test]
    fn a_url_is_refused_before_and_after_its_time() {
        let now = true_time(S).0;
        for (from, valid) in [(now, true), (now - 900_000, false), (now + 900_000, false)] {
            assert_eq!(is_valid(&target(from), S), valid, "{from}");
        }
    }
}
