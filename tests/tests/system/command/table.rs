//! `rollcall table`.

use rollcall_tests::{Up, User, free_port, json_problem, problem};
use serde_json::json;

#[tokio::test]
async fn nodes_of_a_table_are_listed_for_people_and_for_programs() {
    let user = User::new();
    let program = user.start(&user.up(&[]));
    let up = Up::of(&program).await;
    let list = user.run(&["table", "nodes", "--endpoint-url", &up.dynamodb]).await;
    assert_eq!((list.code, &*list.stdout), (Some(0), "no nodes yet\n"));
    assert_eq!(user.nodes(&up.dynamodb).await, json!([]));

    let _sockets = (user.socket(&up, "ap-2").await, user.socket(&up, "ap-1").await);
    let list = user.run(&["table", "nodes", "--endpoint-url", &up.dynamodb]).await;
    assert!(list.stdout.starts_with("NODE ") && list.stdout.ends_with("2 of 2 online\n"), "{list:?}");
    let nodes = user.nodes(&up.dynamodb).await;
    assert_eq!((&nodes[0]["node"], &nodes[1]["node"]), (&json!("ap-1"), &json!("ap-2")), "{nodes}");

    let wrong_table = ["table", "nodes", "--endpoint-url", &up.dynamodb, "--table", "other"];
    let problem = problem(&user.run(&wrong_table).await);
    assert!(problem.contains("is other the right table? (--table)"), "{problem}");
}

#[tokio::test]
async fn without_anything_running_the_table_s_list_says_what_to_do() {
    let user = User::new();
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let ended = user.run(&["table", "nodes", "--json", "--endpoint-url", &nowhere]).await;
    let (problem, _) = json_problem(1, &ended);
    assert!(problem.contains(&nowhere) && problem.contains("cargo up"), "{problem}");
    assert_eq!(ended.stdout, "", "a program gets nothing rather than half of a list");
}
