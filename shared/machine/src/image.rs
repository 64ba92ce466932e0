//! The check of a firmware image, or of a delta, while its bytes arrive.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::{download::Downloaded, target::Target};

/// HTTP statuses of a response to a request for an image (RFC 9110, section 15).
const OK: u16 = 200;
const PARTIAL_CONTENT: u16 = 206;
const FORBIDDEN: u16 = 403;

/// The size and the SHA-256 of an image whose bytes arrive one part after the other, perhaps over several downloads.
#[derive(Clone, Debug)]
pub struct ImageCheck {
    size: u64,
    sha256: String,
    taken: u64,
    hash: Sha256,
}

/// What the body of a response has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagePart {
    /// The bytes from [`ImageCheck::taken`] on.
    Rest,
    /// The image from its first byte on. What is there of it must be discarded, and [`ImageCheck::restart`] called.
    Whole,
}

/// What is wrong with an image or with the response that should have brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageFault {
    /// The server refused the URL (HTTP 403).
    #[error("the download URL was refused")]
    Refused,
    /// The server answered with another HTTP status than the expected ones.
    #[error("HTTP status {0}")]
    Status(u16),
    /// Bytes are missing.
    #[error("the download ended too early")]
    TooShort,
    /// There are more bytes than the server announced.
    #[error("the image is too large")]
    TooLarge,
    /// The bytes are not those of the image.
    #[error("wrong hash")]
    WrongHash,
}

impl ImageCheck {
    /// The check of this file, of which no byte is there yet.
    pub fn new(target: &Target) -> Self {
        Self { size: target.size, sha256: target.sha256.clone(), taken: 0, hash: Sha256::new() }
    }

    /// How many bytes were taken, and so the position of the next one in the image.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether no byte is missing.
    pub fn is_complete(&self) -> bool {
        self.taken == self.size
    }

    /// What the body of a response has, by its HTTP status and its `Content-Range` (RFC 9110, section 14.4). The
    /// request asked for the bytes from [`taken`](Self::taken) on.
    ///
    /// # Errors
    /// If the body is no part of the image that can be used.
    pub fn part(&self, status: u16, content_range: Option<&str>) -> Result<ImagePart, ImageFault> {
        let begins = format!("bytes {}-", self.taken);
        match status {
            PARTIAL_CONTENT if content_range.is_some_and(|range| range.starts_with(&begins)) => Ok(ImagePart::Rest),
            OK => Ok(ImagePart::Whole),
            FORBIDDEN => Err(ImageFault::Refused),
            status => Err(ImageFault::Status(status)),
        }
    }

    /// Takes the next bytes of the image.
    ///
    /// # Errors
    /// [`ImageFault::TooLarge`], and then none of the bytes is taken.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), ImageFault> {
        let length = bytes.len() as u64;
        if length > self.size - self.taken {
            return Err(ImageFault::TooLarge);
        }
        self.hash.update(bytes);
        self.taken += length;
        Ok(())
    }

    /// Begins anew: no byte is there.
    pub fn restart(&mut self) {
        (self.taken, self.hash) = (0, Sha256::new());
    }

    /// Checks the image, of which this was all.
    ///
    /// # Errors
    /// [`ImageFault::TooShort`] or [`ImageFault::WrongHash`].
    pub fn finish(&self) -> Result<(), ImageFault> {
        if !self.is_complete() {
            return Err(ImageFault::TooShort);
        }
        let hash = HEXLOWER.encode(&self.hash.clone().finalize());
        if hash == self.sha256 { Ok(()) } else { Err(ImageFault::WrongHash) }
    }
}

impl ImageFault {
    /// How a download with this fault ended. `further`: it added bytes to what was there before.
    pub fn outcome(self, further: bool) -> Downloaded {
        match self {
            Self::Refused => Downloaded::Refused,
            Self::Status(_) | Self::TooShort => Downloaded::Broken { why: self.to_string(), further },
            Self::TooLarge | Self::WrongHash => Downloaded::Wrong(self.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rollcall_wire::FirmwareUrl;

    use super::*;

    fn check(image: &[u8]) -> ImageCheck {
        ImageCheck::new(&Target::image(&FirmwareUrl {
            version: "2.5".to_owned(),
            size: image.len() as u64,
            sha256: HEXLOWER.encode(&Sha256::digest(image)),
            signature: String::new(),
            url: String::new(),
            expires_in_s: 60,
            delta: None,
        }))
    }

    #[test]
    fn an_image_that_came_in_parts_is_complete() {
        let mut check = check(b"abcdef");
        check.take(b"ab").expect("a part");
        check.take(b"cdef").expect("the rest");
        assert_eq!((check.is_complete(), check.finish()), (true, Ok(())));
    }

    #[test]
    fn missing_bytes_too_many_bytes_and_other_bytes_are_told_apart() {
        let mut check = check(b"abcdef");
        check.take(b"abc").expect("a part");
        assert_eq!(check.finish(), Err(ImageFault::TooShort));
        assert_eq!(check.take(b"defg"), Err(ImageFault::TooLarge));
        check.take(b"xyz").expect("as many as are missing");
        assert_eq!((check.finish(), check.take(b"g")), (Err(ImageFault::WrongHash), Err(ImageFault::TooLarge)));
    }

    #[test]
    fn after_a_restart_no_byte_counts() {
        let mut check = check(b"abc");
        check.take(b"xy").expect("a part");
        check.restart();
        assert_eq!(check.taken(), 0);
        check.take(b"abc").expect("the image");
        assert_eq!(check.finish(), Ok(()));
    }

    #[test]
    fn a_range_counts_only_if_it_begins_at_the_byte_that_was_asked_for() {
        let mut check = check(b"abcdef");
        check.take(b"abc").expect("a part");
        assert_eq!(check.part(206, Some("bytes 3-5/6")), Ok(ImagePart::Rest));
        for range in [None, Some("bytes 0-5/6"), Some("bytes 30-35/60"), Some("bytes */6")] {
            assert_eq!(check.part(206, range), Err(ImageFault::Status(206)), "{range:?}");
        }
        assert_eq!(check.part(200, None), Ok(ImagePart::Whole));
        assert_eq!(
            (check.part(403, None), check.part(416, None)),
            (Err(ImageFault::Refused), Err(ImageFault::Status(416)))
        );
    }

    #[test]
    fn a_wrong_image_is_discarded_and_a_short_one_is_kept() {
        assert_eq!(ImageFault::WrongHash.outcome(true), Downloaded::Wrong("wrong hash".to_owned()));
        let why = "the download ended too early".to_owned();
        assert_eq!(ImageFault::TooShort.outcome(true), Downloaded::Broken { why, further: true });
    }
}
