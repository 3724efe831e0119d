//! The page, who may see it, and the data behind it.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use serde_json::json;

use super::*;

/// [`DEMO`] with prices.
const PRICED: &str = r#"
[models]
cheap  = { use = "demo/small", price = { input = 1.0, output = 1.0 } }
strong = { use = "demo/large", price = { input = 4.0, output = 4.0 } }
[route]
default = "cheap"
unsure  = "strong"
"math.hard" = "strong"
[tables.frugal]
default = "cheap"
"#;

const CHAT: &str = "/v1/chat/completions";

async fn look(app: &Router, path: &str) -> Answer {
    ask(app, Request::get(path).header(HOST, "localhost:8484").body(Body::empty()).expect("valid")).await
}

async fn explain(app: &Router, body: Value) -> Answer {
    let request = Request::post("/dashboard/api/explain")
        .header(HOST, "127.0.0.1:8484")
        .header(CONTENT_TYPE, "application/json");
    ask(app, request.body(Body::from(body.to_string())).expect("valid")).await
}

#[tokio::test]
async fn the_page_and_its_files_are_served_with_a_strict_policy() {
    let app = app(DEMO);
    let page = look(&app, "/").await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let mut files: Vec<String> = vec!["/".to_owned()];
    for part in page.text().split('"').filter(|part| part.starts_with("/dashboard/")) {
        files.push(part.to_owned());
    }
    // Modules that modules ask for.
    for name in ["dom", "format", "charts", "traffic", "health", "playground", "decisions"] {
        files.push(format!("/dashboard/{name}.js"));
    }
    assert!(files.len() > 9);
    for file in files {
        let answer = look(&app, &file).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        let policy = answer.headers[CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{file}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(
            (answer.header("x-content-type-options"), answer.header("cache-control")),
            ("nosniff", "no-store")
        );
        let text = answer.text();
        for banned in [
            "innerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "style=\"",
            "onclick=",
            "http://",
            "https://",
        ] {
            let is_name = text.contains("http://www.w3.org/") && banned == "http://";
            assert!(is_name || !text.contains(banned), "{file} has {banned}");
        }
    }
    assert_eq!(look(&app, "/dashboard/none.js").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_dashboard_is_for_this_machine_or_behind_a_key_or_off() {
    let paths = ["/", "/dashboard/main.js", "/dashboard/api/traffic", "/dashboard/api/decisions"];
    for (config_text, status, said) in [
        ("", StatusCode::OK, ""),
        ("[dashboard]\nenabled = false\n", StatusCode::NOT_FOUND, "is off"),
        ("[server]\nlisten = \"0.0.0.0:0\"\n", StatusCode::FORBIDDEN, "key_env"),
        ("[dashboard]\nkey_env = \"POINTSMAN_TEST_UNSET\"\n", StatusCode::FORBIDDEN, "POINTSMAN_TEST_UNSET"),
        // The key is any variable that every environment has.
        ("[dashboard]\nkey_env = \"PATH\"\n", StatusCode::UNAUTHORIZED, "key as password"),
    ] {
        let app = app(&format!("{DEMO}{config_text}"));
        for path in paths {
            let answer = look(&app, path).await;
            assert_eq!(answer.status, status, "{config_text} {path}");
            assert!(answer.text().contains(said), "{path}: {}", answer.text());
            let challenge = answer.header("www-authenticate").starts_with("Basic");
            assert_eq!(challenge, status == StatusCode::UNAUTHORIZED);
        }
        assert_eq!(ask(&app, get("/healthz")).await.status, StatusCode::OK, "the rest is not concerned");
    }
    let key = crate::environment::variable("PATH").expect("set");
    let app = app(&format!("{DEMO}[server]\nlisten = \"0.0.0.0:0\"\n[dashboard]\nkey_env = \"PATH\"\n"));
    let request =
        Request::get("/").header(HOST, "router.example").header("authorization", format!("Bearer {key}"));
    assert_eq!(ask(&app, request.body(Body::empty()).expect("valid")).await.status, StatusCode::OK);
    let other = Request::get("/").header(HOST, "rebound.example");
    let answer = ask(&super::app(DEMO), other.body(Body::empty()).expect("valid")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "a name that is not this machine's");
}

#[tokio::test]
async fn traffic_counts_cells_models_money_and_times() {
    let app = app(PRICED);
    for text in ["is 7 prime?", "is 9 prime?", "hello", " "] {
        assert_eq!(ask(&app, post(CHAT, chat("auto", text))).await.status, StatusCode::OK);
    }
    let view = look(&app, "/dashboard/api/traffic?window=1h").await.json();
    assert_eq!(
        (&view["decisions"], &view["abstained"], &view["source"]),
        (&json!(4), &json!(1), &json!("memory"))
    );
    assert_eq!(view["ends"], json!({"whole": 4}));
    let cells = view["cells"].as_array().expect("cells");
    let math = json!({"task": "math", "band": "hard", "abstained": null, "model": "strong", "decisions": 2});
    let unsure = json!({"task": null, "band": null, "abstained": "empty", "model": "strong", "decisions": 1});
    assert!(cells.contains(&math) && cells.contains(&unsure), "{cells:?}");
    let strong = &view["models"][0];
    assert_eq!(
        (&strong["model"], &strong["chosen"], &strong["answered"]),
        (&json!("strong"), &json!(3), &json!(3))
    );
    let amount = |what: &str| strong[what].as_f64().expect("a number");
    assert!((amount("spent_usd") - amount("baseline_usd")).abs() < 1e-12, "it is the dearest: {strong}");
    let money = &view["money"];
    assert_eq!((&money["baseline"], &money["priced"]), (&json!("strong"), &json!(4)));
    assert_eq!(money["baseline_reason"], json!("dearest"), "no ability is known");
    assert!(money["spent_usd"].as_f64() < money["baseline_usd"].as_f64(), "{money}");
    let share = money["mix"]["share_baseline"].as_f64().expect("a mix");
    assert!((0.0..1.0).contains(&share), "{money}");
    for stage in ["queue", "classify", "overhead", "first_token", "total"] {
        assert_eq!(view["times"][stage]["count"], json!(4), "{stage}");
    }
    let series = view["series"].as_array().expect("steps");
    let sum: u64 = series.iter().filter_map(|step| step["decisions"].as_u64()).sum();
    assert_eq!((series.len(), sum), (60, 4));
    let now = &view["now"];
    assert_eq!(
        (&now["in_flight"], &now["breakers"], &now["records"]["on"]),
        (&json!(0), &json!([]), &json!(false))
    );
    let cheap = look(&app, "/dashboard/api/traffic?baseline=cheap").await.json();
    assert!(cheap["money"]["baseline_usd"].as_f64() < money["baseline_usd"].as_f64());
    for (query, said) in [
        ("window=2h", "15m, 1h"),
        ("baseline=strogn", "did you mean `strong`"),
        ("windw=1h", "windw"),
        ("window=24h", "[record]"),
    ] {
        let answer = look(&app, &format!("/dashboard/api/traffic?{query}")).await;
        assert!(
            answer.status.is_client_error() && answer.text().contains(said),
            "{query}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn requests_that_name_a_model_are_shown_beside_decisions() {
    let app = app(PRICED);
    for model in ["auto", "strong", "demo/large", "demo/other"] {
        assert_eq!(ask(&app, post(CHAT, chat(model, "hello"))).await.status, StatusCode::OK, "{model}");
    }
    let view = look(&app, "/dashboard/api/traffic").await.json();
    assert_eq!(
        (&view["decisions"], &view["ends"], &view["money"]["priced"]),
        (&json!(1), &json!({"whole": 1}), &json!(1))
    );
    let named = view["named"].as_array().expect("a list");
    let of = |place: usize, what: &str| named[place][what].clone();
    assert_eq!(
        (of(0, "model"), of(0, "requests"), of(1, "model")),
        (json!("strong"), json!(2), json!("demo/*"))
    );
    assert!(of(0, "spent_usd").as_f64() > Some(0.0) && of(1, "spent_usd") == json!(0.0), "{named:?}");
    let steps = view["series"].as_array().expect("steps");
    assert_eq!(steps.iter().filter_map(|step| step["named"].as_u64()).sum::<u64>(), 3);
    let recent = look(&app, "/dashboard/api/named?limit=2").await.json();
    let targets: Vec<_> =
        recent.as_array().expect("a list").iter().map(|one| one["target"].clone()).collect();
    assert_eq!(targets, [json!("demo/other"), json!("demo/large")]);
    assert_eq!((&recent[0]["end"], &recent[0]["status"]), (&json!("whole"), &json!(200)));
    assert_eq!(recent[0]["endpoint"], json!(CHAT));
    assert_eq!(look(&app, "/dashboard/api/named?limit=0").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn long_windows_are_read_from_records() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let records = format!("[record]\npath = {:?}\n", folder.path().join("records.db").display().to_string());
    let sidecar = sidecar(&config(&format!("{PRICED}{records}")), Arc::new(ByWord));
    let app = super::super::app(Arc::clone(&sidecar));
    ask(&app, post(CHAT, chat("auto", "is 7 prime?"))).await;
    ask(&app, post(CHAT, chat("auto", "hello"))).await;
    ask(&app, post(CHAT, chat("strong", "hello"))).await;
    sidecar.recording.finish();
    let live = look(&app, "/dashboard/api/traffic?window=1h").await.json();
    for window in ["24h", "7d", "30d"] {
        let view = look(&app, &format!("/dashboard/api/traffic?window={window}")).await.json();
        assert_eq!((&view["source"], &view["decisions"]), (&json!("records"), &json!(2)), "{window}");
        assert_eq!(view["named"][0]["model"], json!("strong"), "{window}");
        for same in ["cells", "models", "named", "ends", "times"] {
            assert_eq!(view[same], live[same], "{window} {same}");
        }
        assert_eq!(view["savings"]["total"]["requests"], json!(2));
        let steps = view["series"].as_array().expect("steps");
        assert_eq!(steps.iter().filter_map(|step| step["decisions"].as_u64()).sum::<u64>(), 2);
    }
    // What was read of late is good enough, also while somebody else has records summed up.
    let _turn = sidecar.recording.summing.lock().await;
    assert_eq!(look(&app, "/dashboard/api/traffic?window=24h").await.status, StatusCode::OK);
    let other = look(&app, "/dashboard/api/traffic?window=24h&baseline=cheap").await;
    assert_eq!(other.status, StatusCode::SERVICE_UNAVAILABLE, "{}", other.text());
}

#[tokio::test]
async fn the_table_is_told_cell_by_cell() {
    let app = app(PRICED);
    let told = look(&app, "/dashboard/api/table").await.json();
    assert_eq!((&told["tables"], &told["matrix"]["table"]), (&json!(["auto", "frugal"]), &json!("auto")));
    let tasks = told["matrix"]["tasks"].as_array().expect("tasks");
    let math = tasks.iter().find(|row| row["task"] == "math").expect("math");
    assert_eq!(
        (&math["cells"][2]["model"], &math["cells"][2]["rule"]),
        (&json!("strong"), &json!("math.hard"))
    );
    assert_eq!(told["models"]["cheap"]["price"]["input"], json!(1.0));
    let frugal = look(&app, "/dashboard/api/table?name=frugal").await.json();
    assert_eq!(frugal["matrix"]["tasks"][0]["cells"][3]["model"], json!("cheap"));
    let none = look(&app, "/dashboard/api/table?name=frugl").await;
    assert!(
        none.status == StatusCode::BAD_REQUEST && none.text().contains("auto, frugal"),
        "{}",
        none.text()
    );
}

#[tokio::test]
async fn a_prompt_is_tried_without_leaving_a_trace() {
    let app = app(PRICED);
    let told = explain(&app, json!({"text": "is 7 prime?"})).await.json();
    assert_eq!((&told["labels"]["task"], &told["labels"]["band"]), (&json!("math"), &json!("hard")));
    assert_eq!(told["explanation"]["decision"]["model"], json!("strong"));
    assert!(told["explanation"]["rows"].as_array().is_some_and(|rows| rows.len() > 1), "{told}");
    let frugal = explain(&app, json!({"text": "is 7 prime?", "table": "frugal"})).await.json();
    assert_eq!(frugal["explanation"]["decision"]["model"], json!("cheap"));
    assert_eq!(explain(&app, json!({"text": ""})).await.json()["labels"]["abstain_reason"], json!("empty"));
    let view = look(&app, "/dashboard/api/traffic").await.json();
    assert_eq!((&view["decisions"], view["cells"].as_array().map(Vec::len)), (&json!(0), Some(0)));
    assert!(!ask(&app, get("/metrics")).await.text().contains("decisions_total{"));
    for (body, said) in [
        (json!({"txt": "x"}), "txt"),
        (json!({"text": "x", "table": "no"}), "no table `no`"),
        (json!([]), "text"),
    ] {
        let answer = explain(&app, body).await;
        assert!(
            answer.status == StatusCode::BAD_REQUEST && answer.text().contains(said),
            "{}",
            answer.text()
        );
    }
    let long = explain(&app, json!({"text": "x".repeat(300 << 10)})).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    // As a form of another site's page would send it.
    let form =
        Request::post("/dashboard/api/explain").header(HOST, "localhost").header(CONTENT_TYPE, "text/plain");
    let answer = ask(&app, form.body(Body::from("{\"text\": \"x\"}")).expect("valid")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn decisions_are_listed_and_explained() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("records.db").display().to_string();
    for (records, prompt) in [
        (String::new(), Value::Null),
        (
            format!("[record]\npath = {path:?}\nprompts = \"full\"\n"),
            json!({"full": [{"role": "user", "content": "is 7 prime?"}]}),
        ),
    ] {
        let sidecar = sidecar(&config(&format!("{PRICED}{records}")), Arc::new(ByWord));
        let app = super::super::app(Arc::clone(&sidecar));
        ask(&app, post(CHAT, chat("auto", "hello"))).await;
        let answer = ask(&app, post(CHAT, chat("auto", "is 7 prime?"))).await;
        let id = answer.header("x-pointsman-decision");
        sidecar.recording.finish();
        let list = look(&app, "/dashboard/api/decisions?limit=1").await.json();
        assert_eq!((list.as_array().map(Vec::len), &list[0]["id"]), (Some(1), &json!(id)));
        assert_eq!((&list[0]["answered"]["end"], &list[0]["prompt"]), (&json!("whole"), &Value::Null));
        let told = look(&app, &format!("/dashboard/api/decisions/{id}")).await.json();
        assert_eq!((&told["record"]["id"], &told["same_table"]), (&json!(id), &json!(true)));
        assert_eq!(told["explanation"]["decision"], told["record"]["decision"], "the same as was decided");
        assert_eq!(told["record"].get("prompt").unwrap_or(&Value::Null), &prompt);
    }
    let app = app(PRICED);
    for path in [
        "/dashboard/api/decisions?limit=0",
        "/dashboard/api/decisions?limit=9999",
        "/dashboard/api/decisions/none",
    ] {
        assert!(look(&app, path).await.status.is_client_error(), "{path}");
    }
}
