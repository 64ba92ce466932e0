//! `rollcall --stack`, as far as that needs no CloudFormation.

use std::path::Path;

use rollcall_tests::{Program, User, free_port, problem};

/// The one sentence of a command that asks a stack with this environment, and no other that AWS's tools would look at.
async fn asked(user: &User, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let mut command = user.command(arguments);
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    for name in
        ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_CLOUDFORMATION"]
    {
        command.env_remove(name);
    }
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    let ended = Program::start(&mut command).ended().await;
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    problem(&ended)
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn without_a_region_or_credentials_it_is_said_how_to_name_them() {
    let user = User::new();
    let list = ["--stack", "rollcall", "nodes"];
    let said = asked(&user, &[], &list).await;
    assert!(said.starts_with("no region is named; set AWS_REGION"), "{said}");
    let region = written(user.folder.path(), "region", "[default]\nregion = eu-west-1\n");
    for named in [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_CONFIG_FILE", &region)] {
        let said = asked(&user, &[named], &list).await;
        assert!(said.starts_with("there are no credentials; set AWS_PROFILE"), "{named:?}: {said}");
    }
    let said = asked(&user, &[("AWS_REGION", "eu-west-1"), ("ROLLCALL_STACK", "rollcall")], &["watch"]).await;
    assert!(said.starts_with("there are no credentials"), "a stack may be named by the environment: {said}");
}

#[tokio::test]
async fn a_profile_names_region_and_credentials_as_for_other_tools_of_aws() {
    let user = User::new();
    let profile =
        "[profile ops]\nregion = eu-west-1\naws_access_key_id = AKID\naws_secret_access_key = not-to-be-shown\n";
    let file = written(user.folder.path(), "config", profile);
    let nobody = format!("https://127.0.0.1:{}", free_port());
    let environment = [("AWS_CONFIG_FILE", &*file), ("AWS_PROFILE", "ops"), ("AWS_ENDPOINT_URL", &nobody)];
    let said = asked(&user, &environment, &["--stack", "rollcall", "nodes", "list"]).await;
    assert!(said.starts_with(&format!("CloudFormation can't be asked at {nobody} (")), "{said}");
    assert!(!said.contains("not-to-be-shown"), "{said}");
}

#[tokio::test]
async fn a_cloudformation_that_is_down_is_said_to_be() {
    let user = User::new();
    let (nobody, token) = (format!("http://127.0.0.1:{}", free_port()), user.token("ap-1").await);
    for (variable, arguments) in [
        ("AWS_ENDPOINT_URL", &["--stack", "rollcall", "nodes"][..]),
        ("AWS_ENDPOINT_URL", &["--stack", "rollcall", "config", "get", "ap-1"]),
        ("AWS_ENDPOINT_URL_CLOUDFORMATION", &["node", "--stack", "rollcall", "--id", "ap-1", "--token", &token]),
    ] {
        let said = asked(&user, &[(variable, &nobody)], arguments).await;
        assert!(said.starts_with(&format!("CloudFormation can't be asked at {nobody} (")), "{said}");
        assert!(said.contains("refused") && said.contains("AWS_ENDPOINT_URL"), "{said}");
    }
}

#[tokio::test]
async fn a_node_is_told_where_to_connect_by_an_address_or_a_stack() {
    let user = User::new();
    let token = user.token("ap-1").await;
    let node = ["node", "--id", "ap-1", "--token", &token];
    assert_eq!(asked(&user, &[], &node).await, "say where to connect: --url URL, or --stack NAME");
    let said = asked(&user, &[("ROLLCALL_STACK", "a b")], &node).await;
    assert!(said.starts_with("ROLLCALL_STACK is not the name of a stack: it must be letters"), "{said}");
}
