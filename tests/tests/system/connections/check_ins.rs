//! Check-ins that come late, twice or in the wrong order, and errors that name what they are about.

use super::*;

#[tokio::test]
async fn a_check_in_that_is_handled_after_the_close_is_stored_and_revives_nothing() {
    let gate = Arc::new(Semaphore::new(0));
    let cloud = Cloud::with(Options { interceptor: Some(hold("check-in", &gate)), ..Options::default() }).await;
    let mut socket = cloud.socket("ap-1").await;
    socket.send(r#"{"type":"check-in","seq":1,"ack":false,"firmware":"2.4.1"}"#).await;
    socket.close().await;
    let closed = cloud.until_stored("ap-1", |node| node.open().is_none()).await;
    gate.add_permits(1);
    let node = cloud.until_stored("ap-1", |node| node.seq == Some(1)).await;
    assert_eq!(node.firmware.as_deref(), Some("2.4.1"));
    assert_eq!((node.open(), node.due), (None, closed.due), "it is as closed as it was");
    cloud.stop().await;
}

#[tokio::test]
async fn of_two_check_ins_in_the_wrong_order_the_results_of_both_are_stored_and_the_stale_one_is_told_so() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut socket = cloud.socket("ap-1").await;
    for (number, name) in [(1, "scan"), (2, "led")] {
        assert_eq!(queue(&console, name).await.status, 201);
        if cloud.pushes && number == 1 {
            assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Command(_))));
        }
    }
    if cloud.pushes {
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Command(_))), "told again");
    }
    cloud.set_sent("ap-1", 1).await;
    cloud.set_sent("ap-1", 2).await;
    socket.send(r#"{"type":"check-in","seq":2,"results":[{"command":2,"status":"done"}],"firmware":"2"}"#).await;
    ack(&mut socket).await;
    socket.send(r#"{"type":"check-in","seq":1,"results":[{"command":1,"status":"done"}],"firmware":"1"}"#).await;
    let stale = error(&mut socket).await;
    assert_eq!((stale.code, stale.seq, stale.stored_seq), (ErrorCode::StaleSeq, Some(1), Some(2)));
    assert_eq!(states(&console).await, ["done", "done"]);
    let node = cloud.stored("ap-1").await.expect("stored");
    assert_eq!((node.seq, node.firmware.as_deref()), (Some(2), Some("2")), "the older report changes nothing");
    cloud.stop().await;
}

#[tokio::test]
async fn the_same_check_in_again_is_stored_again_and_acknowledged() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    for firmware in ["1", "1", "2"] {
        socket.send(json!({"type": "check-in", "seq": 7, "firmware": firmware}).to_string()).await;
        assert_eq!(ack(&mut socket).await.seq, 7);
        assert_eq!(cloud.stored("ap-1").await.expect("stored").firmware.as_deref(), Some(firmware));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_check_in_whose_result_can_not_be_stored_is_not_acknowledged_and_can_be_said_again() {
    let cloud = Cloud::start().await;
    let console = cloud.console();
    let mut socket = cloud.socket("ap-1").await;
    assert_eq!(queue(&console, "scan").await.status, 201);
    if cloud.pushes {
        assert!(matches!(socket.next().await, Frame::Message(ServerMessage::Command(_))));
    } else {
        cloud.set_sent("ap-1", 1).await;
    }
    let check_in = r#"{"type":"check-in","seq":1,"results":[{"command":1,"status":"done"}]}"#;
    // The check-in itself is stored; whatever follows is throttled.
    cloud.dynamodb.set(Fault::ThrottleAfter(1));
    socket.send(check_in).await;
    let half = error(&mut socket).await;
    assert_eq!((half.code, half.seq), (ErrorCode::Unavailable, Some(1)));
    assert!(half.message.starts_with("the check-in is stored, and it is not known"), "{}", half.message);
    assert_eq!(states(&console_without_faults(&cloud)).await, ["sent"]);
    socket.send(check_in).await;
    assert_eq!(ack(&mut socket).await.seq, 1);
    assert_eq!(states(&console).await, ["done"]);
    cloud.stop().await;
}

#[tokio::test]
async fn an_error_in_answer_to_a_question_names_the_question() {
    let cloud = Cloud::start().await;
    let mut socket = cloud.socket("ap-1").await;
    let none = [
        (r#"{"type":"config"}"#, ErrorCode::NoConfig, Question::Config),
        (r#"{"type":"firmware-url","version":"1"}"#, ErrorCode::NoFirmware, Question::FirmwareUrl),
        (r#"{"type":"firmware-url","version":1}"#, ErrorCode::InvalidField, Question::FirmwareUrl),
    ];
    let failed = none.map(|(question, _, about)| (question, ErrorCode::Unavailable, about));
    for (question, code, about) in none {
        socket.send(question).await;
        let answer = error(&mut socket).await;
        assert_eq!((answer.code, answer.seq, answer.about), (code, None, Some(about)), "{question}");
    }
    cloud.dynamodb.set(Fault::Throttle);
    for (question, code, about) in failed.into_iter().take(2) {
        socket.send(question).await;
        let answer = error(&mut socket).await;
        assert_eq!((answer.code, answer.seq, answer.about), (code, None, Some(about)), "{question}");
    }
    cloud.dynamodb.set(Fault::None);
    socket.send("hello").await;
    assert_eq!(error(&mut socket).await.about, None, "nobody knows what it was to be");
    cloud.stop().await;
}
