//! `rollcall firmware`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use rollcall_signature::statement;
use rollcall_stack::FIRMWARE_BUCKET;
use rollcall_tests::{Ended, Frame, Http, S3, Up, User, free_port, problem};
use rollcall_wire::ServerMessage;
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::console::{Asker, started};

/// The SHA-256 of "image" (FIPS 180-4), as `sha256sum` prints it.
const SHA256: &str = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";

fn path(asker: &Asker, name: &str) -> PathBuf {
    asker.user.folder.path().join(name)
}

/// Adds firmware with a bucket of this S3, as somebody with this secret.
async fn upload(asker: &Asker, s3: &str, secret: &str, arguments: &[&str]) -> Ended {
    let environment = [
        ("AWS_ACCESS_KEY_ID", S3::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL_S3", s3),
    ];
    asker.with(&environment, &[&["firmware", "add"], arguments, &["--signature", "c2ln"]].concat()).await
}

#[tokio::test]
async fn firmware_is_made_known_wanted_and_followed() {
    let (asker, _program, up) = started().await;
    asker.write("ax.bin", "image");
    // As editors and base64 leave it: a byte order mark, and broken lines.
    asker.write("ax.sig", "\u{feff}c2\r\nln\r\n");
    let add = ["firmware", "add", "ax-2", "2.5.0", "ax.bin", "--signature-file", "ax.sig"];
    let added = asker.run(&add).await;
    assert!(added.code == Some(0) && added.stdout.contains(&format!("sha256      {SHA256}\n")), "{added:?}");
    assert_eq!(added.stderr, "", "it is uploaded, and nothing is left to do");
    let known = asker.json(&["firmware", "show", "ax-2", "2.5.0"]).await;
    let expected = json!({"model": "ax-2", "version": "2.5.0", "object_key": "ax-2/2.5.0/ax.bin", "size": 5,
        "sha256": SHA256, "signature": "c2ln"});
    assert_eq!(known, expected);
    assert_eq!(asker.text(&["firmware", "show", "ax-2", "2.5.0"]).await, added.stdout);
    assert_eq!(asker.run(&add).await.stdout, added.stdout, "to add it again is no mistake");

    asker.text(&["nodes", "register", "ap-1"]).await;
    let want = ["firmware", "want", "ap-1", "2.5.0"];
    let other = asker.problem(&want).await;
    assert!(other.contains("`rollcall nodes register ap-1 --model MODEL`"), "{other}");
    asker.text(&["nodes", "register", "ap-1", "--model", "ax-2"]).await;
    let desired = "node      ap-1\nversion   2.5.0\ndelivery  pending: the node gets it with its next check-in\n";
    assert_eq!(asker.text(&want).await, desired);
    let mut socket = asker.user.socket(&up, "ap-1").await;
    let pushed = json!({"node": "ap-1", "version": "2.5.0", "delivery": "pushed"});
    assert_eq!(asker.json(&want).await, pushed);
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Firmware(_))));

    let shown = asker.text(&["nodes", "show", "ap-1"]).await;
    assert!(shown.contains("update       to 2.5.0 pending\nlast update  -\ncommands     none open\n"), "{shown}");
    let update = json!({"version": "2.5.0", "status": "rolled-back", "detail": "no way back"});
    socket.send(json!({"type": "check-in", "seq": 1, "firmware": "2.4.1", "update": update}).to_string()).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    let shown = asker.text(&["nodes", "show", "ap-1"]).await;
    let lines = "update       to 2.5.0 rolled-back\nlast update  to 2.5.0 rolled-back: no way back\n";
    assert!(shown.contains(lines), "{shown}");
    assert!(asker.text(&want).await.ends_with("delivery  pushed\n"), "another try");
    let runs = json!({"type": "check-in", "seq": 2, "firmware": "2.5.0"});
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Firmware(_))));
    socket.send(runs.to_string()).await;
    assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Ack(_))));
    assert!(asker.text(&want).await.ends_with("delivery  unchanged: the node runs it already\n"));
}

#[tokio::test]
async fn an_image_is_uploaded_before_it_is_made_known() {
    let ((asker, _program, _up), s3) = (started().await, S3::start().await);
    asker.write("ax.bin", "image");
    let add = ["ax-2", "2.5.0", "ax.bin", "--bucket", S3::BUCKET];
    let added = upload(&asker, &s3.url, S3::SECRET_KEY, &add).await;
    assert_eq!((added.code, &*added.stderr), (Some(0), ""), "{added:?}");
    assert_eq!(s3.object("ax-2/2.5.0/ax.bin").as_deref(), Some(&b"image"[..]));
    let key = "odd/2.5+~?.bin";
    let arguments =
        ["ax-2", "2.5.1", "ax.bin", "--bucket", S3::BUCKET, "--object-key", key, "--s3-endpoint-url", &s3.url];
    let named = upload(&asker, "http://127.0.0.1:1", S3::SECRET_KEY, &arguments).await;
    assert_eq!(named.code, Some(0), "what is given comes before the environment: {named:?}");
    assert_eq!(s3.object(key).as_deref(), Some(&b"image"[..]));

    asker.write("ax.bin", "another image");
    let another = upload(&asker, &s3.url, S3::SECRET_KEY, &add).await;
    assert!(problem(&another).contains("another image is known as 2.5.0 of ax-2"), "{another:?}");
    assert_eq!(s3.object("ax-2/2.5.0/ax.bin").as_deref(), Some(&b"image"[..]), "nothing was written over");
    let other = elsewhere(&asker, &["firmware", "add", "ax-2", "2.5.0", "ax.bin", "--signature", "c2ln"]).await;
    assert!(other.stderr.contains("nothing is uploaded without --bucket"), "{other:?}");
    assert!(problem(&other).contains("`rollcall firmware show`"), "the console refuses it as well: {other:?}");
}

/// Runs a command as somebody who has the console's key, and not the state folder of whoever runs the cloud.
async fn elsewhere(asker: &Asker, arguments: &[&str]) -> Ended {
    let key = asker.text(&["key"]).await;
    let state = path(asker, "another-state").to_string_lossy().into_owned();
    asker.with(&[("XDG_STATE_HOME", &state), ("ROLLCALL_CONSOLE_KEY", key.trim())], arguments).await
}

/// What a node is given that asks for the firmware that it is to run.
async fn fetched(asker: &Asker, up: &Up, version: &str) -> String {
    let node = Http::new(up.http.clone(), &asker.user.token("ap-1").await);
    let told = node.get(&format!("/v1/firmware/{version}")).await;
    assert_eq!(told.status, 200, "{told:?}");
    Http::new(told.json()["url"].as_str().expect("a URL").to_owned(), "").get("").await.text
}

#[tokio::test]
async fn a_local_cloud_takes_images_without_any_further_flag_or_variable() {
    let (asker, program, up) = started().await;
    asker.write("ax.bin", "image");
    asker.text(&["nodes", "register", "ap-1", "--model", "ax-2"]).await;
    // What belongs to AWS is of no use here, and in nobody's way.
    let account = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "theirs"), ("AWS_REGION", "eu-west-1")];
    for (version, environment, more) in [
        ("2.5.0", &[][..], &[][..]),
        ("2.5.1", &account, &[]),
        ("2.5.2", &account, &["--bucket", FIRMWARE_BUCKET]),
        ("2.5.3", &[], &["--object-key", "odd/2.5+~?.bin"]),
    ] {
        let add = [&["firmware", "add", "ax-2", version, "ax.bin", "--signature", "c2ln"], more].concat();
        let added = asker.with(environment, &add).await;
        assert_eq!((added.code, &*added.stderr), (Some(0), ""), "{version}: {added:?}");
        asker.text(&["firmware", "want", "ap-1", version]).await;
        assert_eq!(fetched(&asker, &up, version).await, "image", "{version}");
    }
    asker.write("ax.bin", "another image");
    let another = asker.run(&["firmware", "add", "ax-2", "2.5.0", "ax.bin", "--signature", "c2ln"]).await;
    assert!(problem(&another).contains("nothing was uploaded"), "{another:?}");
    drop(program);
}

#[tokio::test]
async fn of_two_local_clouds_each_gets_its_own_images_and_one_that_was_killed_gets_none() {
    let (one, program, up) = started().await;
    let other = one.user.start(&one.user.up(&[]));
    let other_up = Up::of(&other).await;
    one.write("ax.bin", "one");
    one.write("bx.bin", "another");
    for (up, file) in [(&up, "ax.bin"), (&other_up, "bx.bin")] {
        for arguments in [
            &["nodes", "register", "ap-1", "--model", "ax-2"][..],
            &["firmware", "add", "ax-2", "2.5.0", file, "--signature", "c2ln"],
            &["firmware", "want", "ap-1", "2.5.0"],
        ] {
            let ended = one.user.run(&[arguments, &["--url", &up.http]].concat()).await;
            assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{arguments:?}: {ended:?}");
        }
    }
    assert_eq!(fetched(&one, &up, "2.5.0").await, "one");
    assert_eq!(fetched(&one, &other_up, "2.5.0").await, "another");

    let clouds = path(&one, "state/rollcall/clouds");
    let files = || std::fs::read_dir(&clouds).expect("a folder").count();
    assert_eq!(files(), 2);
    for (mut program, signal, left) in [(program, "INT", 1), (other, "KILL", 1)] {
        program.signal(signal);
        program.ended().await;
        assert_eq!(files(), left, "SIG{signal}");
    }
    let again = ["firmware", "add", "ax-2", "2.5.1", "ax.bin", "--signature", "c2ln", "--url", &other_up.http];
    assert!(problem(&one.user.run(&again).await).starts_with("nobody answers at"), "its console is gone");
}

#[tokio::test]
async fn an_upload_that_is_refused_says_what_to_do_and_makes_nothing_known() {
    let ((asker, _program, _up), s3) = (started().await, S3::start().await);
    asker.write("ax.bin", "image");
    let add = ["ax-2", "2.5.0", "ax.bin", "--bucket", S3::BUCKET];
    let wrong = upload(&asker, &s3.url, "a wrong secret", &add).await;
    assert!(problem(&wrong).contains("SignatureDoesNotMatch"), "{wrong:?}");
    assert!(problem(&wrong).contains("AWS_SECRET_ACCESS_KEY") && !wrong.stderr.contains("a wrong secret"), "{wrong:?}");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let unreachable = upload(&asker, &nobody, S3::SECRET_KEY, &add).await;
    assert!(problem(&unreachable).contains("--s3-endpoint-url"), "{unreachable:?}");
    let nowhere = [("AWS_REGION", ""), ("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL_S3", "")];
    let no_region = asker.with(&nowhere, &[&["firmware", "add"], &add[..], &["--signature", "c2ln"]].concat()).await;
    assert!(problem(&no_region).starts_with("AWS_REGION is not set"), "{no_region:?}");
    let unknown = asker.problem(&["firmware", "show", "ax-2", "2.5.0"]).await;
    assert!(unknown.contains("no firmware 2.5.0 is known") && unknown.contains("`rollcall firmware add`"), "{unknown}");
    assert_eq!(s3.object("ax-2/2.5.0/ax.bin"), None);
}

/// A way to S3 on which the file changes once its upload has begun.
async fn changing(s3: &S3, file: File, at: u64) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let target = s3.url.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a connection");
        file.write_all_at(b"x", at).expect("written");
        let mut server = TcpStream::connect(target).await.expect("S3 answers");
        // How it breaks off shows at the client.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    });
    url
}

#[tokio::test]
async fn an_image_that_changes_while_it_is_uploaded_is_refused() {
    /// More than is on its way before the far end reads, in bytes.
    const SIZE: u64 = 64 * 1024 * 1024;
    let ((asker, _program, _up), s3) = (started().await, S3::start().await);
    let file = File::create(path(&asker, "ax.bin")).expect("made");
    file.set_len(SIZE).expect("sparse");
    let url = changing(&s3, file, SIZE - 1).await;
    let add = ["ax-2", "2.5.0", "ax.bin", "--bucket", S3::BUCKET];
    let ended = upload(&asker, &url, S3::SECRET_KEY, &add).await;
    // S3 has a code of its own for this; this one has not.
    assert!(problem(&ended).starts_with("S3 does not take the upload to images"), "{ended:?}");
    assert_eq!(s3.object("ax-2/2.5.0/ax.bin"), None);
}

/// The commands about deltas in the documentation, for a local cloud.
fn documented() -> Vec<Vec<&'static str>> {
    let page = include_str!("../../../../docs/application.md");
    let deltas = page.split("\n### Deltas\n").nth(1).and_then(|page| page.split("\n### ").next()).expect("a section");
    let commands = deltas.lines().filter_map(|line| line.strip_prefix("rollcall "));
    let words = |line: &'static str| line.split('#').next().unwrap_or_default().split_whitespace().collect();
    commands.map(words).filter(|words: &Vec<_>| !words.contains(&"--bucket")).collect()
}

#[tokio::test]
async fn a_delta_is_uploaded_made_known_and_shown_with_its_share_of_the_image() {
    let (asker, _program, up) = started().await;
    asker.write("ax.bin", "image");
    asker.write("ax.delta", "dl");
    let commands = documented();
    let [delta, show] = &commands[..] else { panic!("{commands:?}") };
    let early = asker.problem(delta).await;
    assert!(early.contains("no firmware 2.5.0 is known") && early.contains("`rollcall firmware add`"), "{early}");
    for (version, known) in [("2.5.0", "no firmware 2.4.1 is known"), ("2.4.1", "")] {
        asker.text(&["firmware", "add", "ax-2", version, "ax.bin", "--signature", "c2ln"]).await;
        if !known.is_empty() {
            assert!(asker.problem(delta).await.contains(known), "both versions must be known");
        }
    }
    let added = asker.text(delta).await;
    assert!(
        added.contains("from        2.4.1\n") && added.contains("size        2 bytes, 40 % of the image\n"),
        "{added}"
    );
    assert_eq!(asker.text(delta).await, added, "to add it again is no mistake");
    let shown = asker.text(show).await;
    assert!(shown.ends_with("delta       from 2.4.1: 2 bytes, 40 % of the image\n"), "{shown}");
    let known = asker.json(delta).await;
    assert_eq!(
        (&known["model"], &known["version"], &known["from"]),
        (&json!("ax-2"), &json!("2.5.0"), &json!("2.4.1"))
    );
    assert_eq!((&known["object_key"], &known["size"]), (&json!("ax-2/2.5.0/from-2.4.1/ax.delta"), &json!(2)));
    assert_eq!(asker.json(show).await["deltas"], json!([{"from": "2.4.1", "size": 2}]));

    asker.text(&["nodes", "register", "ap-1", "--model", "ax-2"]).await;
    asker.text(&["firmware", "want", "ap-1", "2.5.0"]).await;
    let node = Http::new(up.http.clone(), &asker.user.token("ap-1").await);
    let told = node.get("/v1/firmware/2.5.0?from=2.4.1").await.json();
    let url = told["delta"]["url"].as_str().expect("a URL").to_owned();
    assert_eq!(Http::new(url, "").get("").await.text, "dl");

    asker.write("ax.delta", "de");
    let another = asker.problem(delta).await;
    assert!(
        another.contains("another delta from 2.4.1 to 2.5.0") && another.contains("nothing was uploaded"),
        "{another}"
    );
    for image in ["ax-2/2.5.0/ax.bin", "ax-2/2.4.1/ax.bin"] {
        let replacing = asker.problem(&[&delta[..], &["--object-key", image]].concat()).await;
        assert!(replacing.contains("would replace") && replacing.contains("--object-key"), "{replacing}");
    }
    let image = told["url"].as_str().expect("a URL").to_owned();
    assert_eq!(Http::new(image, "").get("").await.text, "image", "it is as it was");
    asker.write("ax.delta", "image");
    let large = asker.problem(&["firmware", "delta", "ax-2", "2.4.1", "--from", "2.5.0", "ax.delta"]).await;
    assert!(large.contains("5 bytes, and the image has 5") && large.contains("nothing was uploaded"), "{large}");
    let same = asker.problem(&["firmware", "delta", "ax-2", "2.5.0", "--from", "2.5.0", "ax.delta"]).await;
    assert!(same.contains("--from"), "{same}");
    let missing = asker.run(&["firmware", "delta", "ax-2", "2.5.0", "ax.delta"]).await;
    assert_eq!(missing.code, Some(2), "--from is needed: {missing:?}");
}

#[tokio::test]
async fn what_can_not_be_an_image_is_said_of_the_file_before_anybody_is_asked() {
    let asker = Asker { user: User::new(), url: "http://127.0.0.1:1".to_owned() };
    asker.write("ax.bin", "image");
    asker.write("my image.bin", "image");
    asker.write("empty.bin", "");
    std::fs::write(path(&asker, "binary.sig"), [0x30, 0xff]).expect("written");
    std::fs::write(path(&asker, "wide.sig"), [0xff, 0xfe, b'c', 0]).expect("written");
    asker.write("comment.sig", "untrusted comment: signature\nc2ln\n");
    let large = OpenOptions::new().write(true).create_new(true).open(path(&asker, "large.bin")).expect("made");
    large.set_len(5 * 1024 * 1024 * 1024 + 1).expect("sparse");
    for (arguments, reason) in [
        (&["none.bin", "--signature", "c2ln"][..], "none.bin can't be opened"),
        (&["large.bin", "--signature", "c2ln"], "size: must be from 1 to 5368709120 bytes"),
        (&["empty.bin", "--signature", "c2ln"], "size: must be"),
        (&["my image.bin", "--signature", "c2ln"], "--object-key"),
        (&["ax.bin", "--signature", "two words"], "--signature has more than one word in it"),
        (&["ax.bin", "--signature-file", "binary.sig"], "binary.sig is not UTF-8"),
        (&["ax.bin", "--signature-file", "wide.sig"], "wide.sig is UTF-16: save it as UTF-8"),
        (&["ax.bin", "--signature-file", "comment.sig"], "comment.sig has more than one word in it"),
        (&["ax.bin", "--signature-file", "none.sig"], "none.sig can't be opened"),
    ] {
        let problem = asker.problem(&[&["firmware", "add", "ax-2", "2.5.0"], arguments].concat()).await;
        assert!(problem.contains(reason), "{arguments:?}: {problem}");
    }
    for arguments in [
        &["add", "ax-2", "2.5.0", "ax.bin"][..],
        &["add", "ax-2", "2.5.0", "ax.bin", "--signature", "a", "--signature-file", "b"],
        &["add", "ax-2", "2.5.0", "ax.bin", "--signature", "a", "--bucket", "a/b"],
        &["add", "ax-2", "2.5.0", "ax.bin", "--signature", "a", "--s3-endpoint-url", "http://127.0.0.1:1"],
        &["add", "a/x", "2.5.0", "ax.bin", "--signature", "a"],
        &["want", "ap-1"],
    ] {
        let ended = asker.run(&[&["firmware"], arguments].concat()).await;
        assert!(ended.code == Some(2) && ended.stdout.is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[tokio::test]
async fn what_holds_for_a_model_is_set_shown_and_listed() {
    let (asker, _program, _up) = started().await;
    let none = "nothing is set for any model: `rollcall firmware model set MODEL --minimum VERSION` sets something\n";
    assert_eq!(asker.text(&["firmware", "model", "list"]).await, none);
    let key = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    asker.write("vendor.pem", pem);
    let set = ["firmware", "model", "set", "ax-2"];
    let early = asker.problem(&[&set[..], &["--require-signature", "yes"]].concat()).await;
    assert!(early.contains("--public-key"), "{early}");
    asker.text(&[&set[..], &["--minimum", "2.4.0"]].concat()).await;
    let shown = asker.text(&[&set[..], &["--public-key", "vendor.pem", "--require-signature", "yes"]].concat()).await;
    let all = format!("model       ax-2\nminimum     2.4.0\nsignatures  required\npublic key  {key}\n");
    assert_eq!(shown, all, "what is left out stays");
    assert_eq!(asker.text(&["firmware", "model", "show", "ax-2"]).await, all);
    let listed = asker.json(&["firmware", "model", "list"]).await;
    let expected = json!({"model": "ax-2", "minimum_version": "2.4.0", "public_key": key, "signature_required": true});
    assert_eq!(listed, json!([expected]));
    let table = asker.text(&["firmware", "model", "list"]).await;
    assert_eq!(
        table.lines().nth(1).map(|line| line.split_whitespace().collect()),
        Some(vec!["ax-2", "2.4.0", "required", key])
    );
    let off =
        asker.json(&[&set[..], &["--no-minimum", "--require-signature", "no", "--public-key", key]].concat()).await;
    assert_eq!((&off["minimum_version"], &off["signature_required"]), (&json!(null), &json!(false)));
    asker.write("private.pem", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n");
    let private = asker.problem(&[&set[..], &["--public-key", "private.pem"]].concat()).await;
    assert!(private.contains("private.pem: it is a private key"), "{private}");
    assert_eq!(asker.run(&set).await.code, Some(2), "to say nothing of it is a mistake");
}

#[tokio::test]
async fn an_image_that_is_not_signed_as_its_model_wants_is_refused_before_it_is_uploaded() {
    let ((asker, _program, _up), s3) = (started().await, S3::start().await);
    let vendor = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let key = data_encoding::BASE64.encode(vendor.verifying_key().as_bytes());
    let set = ["firmware", "model", "set", "ax-2", "--public-key", &key, "--require-signature", "yes"];
    asker.text(&set).await;
    asker.write("ax.bin", "image");
    let add = ["ax-2", "2.5.0", "ax.bin", "--bucket", S3::BUCKET];
    let refused = upload(&asker, &s3.url, S3::SECRET_KEY, &add).await;
    let said = problem(&refused);
    assert!(said.contains("ax-2 wants signed images") && said.contains("nothing was uploaded"), "{said}");
    assert_eq!(s3.object("ax-2/2.5.0/ax.bin"), None);
    assert!(asker.problem(&["firmware", "show", "ax-2", "2.5.0"]).await.contains("`rollcall firmware add`"));

    let signed = ed25519_dalek::Signer::sign(&vendor, statement("ax-2", "2.5.0", SHA256).as_bytes());
    asker.write("ax.sig", &data_encoding::BASE64.encode(&signed.to_bytes()));
    asker.text(&["firmware", "add", "ax-2", "2.5.0", "ax.bin", "--signature-file", "ax.sig"]).await;
}

#[tokio::test]
async fn nodes_whose_model_has_a_higher_minimum_are_skipped_with_the_reason() {
    let (asker, _program, _up) = started().await;
    asker.write("ax.bin", "image");
    for model in ["ax-2", "ax-3"] {
        asker.run(&["firmware", "add", model, "2.5.0", "ax.bin", "--signature", "c2ln"]).await;
        asker.text(&["nodes", "register", &format!("of-{model}"), "--model", model]).await;
    }
    asker.text(&["firmware", "model", "set", "ax-3", "--minimum", "2.10"]).await;
    let alone = asker.problem(&["firmware", "want", "of-ax-3", "2.5.0"]).await;
    assert!(alone.contains("2.10") && alone.contains("`rollcall firmware model show MODEL`"), "{alone}");
    let became = asker.json(&["firmware", "want", "--select", "node~of", "2.5.0"]).await;
    let skipped = json!([{"node": "of-ax-3", "reason": "below-minimum"}]);
    assert_eq!((&became["done"], &became["skipped"]), (&json!(["of-ax-2"]), &skipped), "{became}");
}
