use super::*;

#[test]
fn a_path_says_which_methods_it_has() {
    assert_eq!(route("GET", "/v1/nodes/ap-1"), Ok(Route::Keyed(Keyed::Show("ap-1"))));
    assert_eq!(route("HEAD", "/v1/nodes/ap-1"), Ok(Route::Keyed(Keyed::Show("ap-1"))));
    for (path, allowed) in [
        ("/v1/nodes/ap-1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("/v1/nodes:batch", "POST, OPTIONS"),
        ("/v1/health", "GET, HEAD, OPTIONS"),
        ("/v1/check-in", "POST, OPTIONS"),
        ("/v1/firmware/2.5.0", "GET, OPTIONS"),
    ] {
        for method in ["TRACE", "get", "Put", "CONNECT", ""] {
            let refused = route(method, path).map_err(|refused| match refused {
                NoRoute::Method(methods) => methods.allow(),
                NoRoute::Path => "no path".to_owned(),
            });
            assert_eq!(refused, Err(allowed.to_owned()), "{method} {path}");
        }
        assert!(matches!(route("OPTIONS", path), Ok(Route::Options(methods)) if methods.allow() == allowed), "{path}");
    }
    assert!(route("HEAD", "/v1/nodes:batch").is_err(), "a path without GET has no HEAD");
}

#[test]
fn text_that_only_looks_like_a_path_is_refused() {
    for path in [
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/nodes",
        "/v1/nodes/a/b",
        "/v2/nodes",
        "//v1/nodes",
        "/v1//nodes",
        "/v1/./nodes",
        "/v1/nodes/../nodes",
        "/v1/nodes/ap-1/",
        "/v1/nodes/ap-1/config/",
        "/V1/nodes",
        "/v1/Nodes",
    ] {
        for method in ["GET", "PUT", "OPTIONS", "HEAD"] {
            assert_eq!(route(method, path), Err(NoRoute::Path), "{method} {path}");
        }
    }
}
