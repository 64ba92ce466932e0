//! An image that is made of a delta.

use super::*;

/// The delta, which is JSON, too. The test makes the image of it.
const DELTA: &str = r#""56""#;

fn made(name: &str) -> String {
    format!("{}.{name}", hash())
}

fn delta_hash() -> String {
    Document::parse(DELTA).expect("JSON").sha256().to_owned()
}

impl Updating {
    /// A node whose program has the image of 2.4, and which is told of the delta to 2.5.
    async fn with_delta() -> Self {
        let mut node = updating(quick()).await;
        node.has("2.4");
        node.tell().await;
        node.locate_delta().await;
        node
    }

    fn has(&self, base: &str) {
        *self.hands.base.lock().unwrap() = Some(base.to_owned());
    }

    async fn locate_delta(&mut self) {
        let mut url = self.url();
        let at = format!("{}2.4-2.5?X-Amz-Signature=2", self.images.url());
        url["delta"] = json!({"from": "2.4", "size": DELTA.len(), "sha256": delta_hash(), "url": at});
        self.held.push(url).await;
    }

    fn names(&self) -> Vec<String> {
        let name = |path: PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut names: Vec<_> = self.image_files().into_iter().filter_map(name).collect();
        names.sort_unstable();
        names
    }

    async fn failed(&mut self, why: &str) {
        self.hands.event(&NodeEvent::DeltaFailed { version: "2.5".to_owned(), why: why.to_owned() }).await;
    }
}

#[tokio::test]
async fn a_delta_is_downloaded_with_breaks_and_what_it_makes_is_checked_and_installed() {
    let mut node = Updating::with_delta().await;
    let request = node.images.answer_with(&format!("200 OK\r\ncontent-length: {}", DELTA.len()), &DELTA[..1]).await;
    assert!(request.starts_with("GET /api/2.4-2.5?X-Amz-Signature=2 HTTP/1.1\r\n"), "{request}");
    let rest = format!("206 Partial Content\r\ncontent-range: bytes 1-3/{}\r\ncontent-length: 3", DELTA.len());
    let request = node.images.answer_with(&rest, &DELTA[1..]).await;
    assert!(request.contains("range: bytes=1-\r\n"), "{request}");
    let delta = node.hands.delta().await;
    assert_eq!((delta.version(), delta.from(), delta.size()), ("2.5", "2.4", IMAGE.len() as u64));
    assert_eq!(fs::read_to_string(delta.path()).expect("a delta"), DELTA);
    let image = delta.image();
    fs::write(&image, IMAGE).expect("written");
    delta.made();
    let firmware = node.hands.firmware().await;
    assert_eq!((firmware.path(), firmware.signature()), (&*image, "signed"));
    *node.hands.runs.lock().unwrap() = "2.5".to_owned();
    firmware.runs();
    assert_eq!(node.reported().await, report(UpdateStatus::Applied, None));
    node.hands.event(&NodeEvent::UpdateApplied { version: "2.5".to_owned() }).await;
    assert_eq!(node.names(), Vec::<String>::new());
    assert!(!node.images.was_asked(), "the image was downloaded");
}

#[tokio::test]
async fn what_is_left_of_a_delta_that_failed_is_removed_and_the_image_is_downloaded() {
    let longer = format!("{IMAGE}x");
    for (writes, why) in [
        (Some(IMAGE.replace('5', "6")), "wrong hash"),
        (Some(longer), "the image is too large"),
        (Some(IMAGE[..4].to_owned()), "the download ended too early"),
        (None, "No such file or directory (os error 2)"),
    ] {
        let mut node = Updating::with_delta().await;
        node.images.answer("200 OK", DELTA).await;
        let delta = node.hands.delta().await;
        if let Some(writes) = writes {
            fs::write(delta.image(), writes).expect("written");
        }
        delta.made();
        node.failed(why).await;
        let request = node.images.answer("200 OK", IMAGE).await;
        assert!(request.starts_with("GET /api/2.5.bin"), "{why}: {request}");
        assert!(!request.contains("range:"), "nothing that the program made is taken for the image: {request}");
        let firmware = node.hands.firmware().await;
        assert_eq!(fs::read_to_string(firmware.path()).expect("an image"), IMAGE);
        assert_eq!(node.names(), [hash()], "{why}");
    }
}

#[tokio::test]
async fn a_delta_that_is_refused_or_damaged_is_not_made_anything_of() {
    for (status, body, why) in
        [("403 Forbidden", "", "the download URL was refused"), ("200 OK", r#""57""#, "wrong hash")]
    {
        let mut node = Updating::with_delta().await;
        node.images.answer(status, body).await;
        node.failed(why).await;
        node.images.answer("200 OK", IMAGE).await;
        assert_eq!(fs::read_to_string(node.hands.firmware().await.path()).expect("an image"), IMAGE);
    }
}

#[tokio::test]
async fn what_is_there_of_the_image_outlives_a_delta_and_everything_else_does_not() {
    let mut node = updating(quick()).await;
    let images = node.folder.path().join("firmware");
    fs::create_dir(&images).expect("a folder");
    for (name, content) in [(hash(), &IMAGE[..4]), (made("older"), "a delta"), ("older".to_owned(), "an image")] {
        fs::write(images.join(name), content).expect("written");
    }
    fs::create_dir_all(images.join("scratch/of a program")).expect("a folder");
    node.has("2.4");
    node.tell().await;
    node.locate_delta().await;
    node.images.answer("200 OK", DELTA).await;
    let delta = node.hands.delta().await;
    assert_eq!(node.names(), [hash(), made(&delta_hash())]);
    delta.failed("it does not fit");
    node.failed("it does not fit").await;
    let range = format!("206 Partial Content\r\ncontent-range: bytes 4-11/{}\r\ncontent-length: 8", IMAGE.len());
    let request = node.images.answer_with(&range, &IMAGE[4..]).await;
    assert!(request.contains("range: bytes=4-\r\n"), "{request}");
    assert_eq!(fs::read_to_string(node.hands.firmware().await.path()).expect("an image"), IMAGE);
}
