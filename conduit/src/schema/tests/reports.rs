//! What is answered to params that are wrong, word by word.

use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::shapes::{
    Add, Address, Adjacent, CreateUser, Everything, Flattened, Loose, Numbers, Payment, arguments, raw,
};
use crate::{
    protocol::ErrorObject,
    schema::{Arguments, of_payload, report::Sent},
};

/// What is wrong with `params`, each fault as `path keyword: message`.
fn faults<P: JsonSchema + DeserializeOwned>(params: &str) -> Vec<String> {
    faults_of::<P>(&arguments::<P>(), params)
}

fn faults_of<P: DeserializeOwned>(arguments: &Arguments, params: &str) -> Vec<String> {
    let error = arguments.read::<P>("m", Some(&raw(params))).err().expect("the params are wrong");
    assert_eq!((error.code(), error.message()), (-32602, "invalid params for `m`"));
    assert_found_without_the_type(arguments, params, &error);
    let data: Value = error.data_as().unwrap();
    let line = |error: &Value| {
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        format!("{} {}: {}", text("path"), text("keyword"), text("message"))
    };
    data["errors"].as_array().unwrap().iter().map(line).collect()
}

/// Whoever has only the schema finds the same, but for what the type alone refuses.
fn assert_found_without_the_type(arguments: &Arguments, params: &str, error: &ErrorObject) {
    match arguments.check("m", Some(&raw(params))) {
        Ok(()) => assert!(Sent::read(arguments, params).is_valid(arguments), "{params}"),
        Err(found) => assert_eq!(found.data().unwrap().get(), error.data().unwrap().get(), "{params}"),
    }
}

fn accepts<P: JsonSchema + DeserializeOwned>(params: &str) -> P {
    arguments::<P>().read("m", Some(&raw(params))).unwrap_or_else(|error| panic!("{params}: {:?}", error.data()))
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_declaration() {
    let error = arguments::<CreateUser>()
        .read::<CreateUser>("create_user", Some(&raw(r#"{"active": true, "email": "a@b.example", "username": "x"}"#)))
        .unwrap_err();
    assert_eq!(
        serde_json::to_value(error).unwrap(),
        json!({"code": -32602, "message": "invalid params for `create_user`", "data": {"errors": [
            {"path": "/username", "keyword": "minLength", "message": "\"x\" is shorter than 3 characters"},
            {"path": "/age", "keyword": "required", "message": "missing argument `age`"}]}})
    );
    assert_eq!(
        faults::<CreateUser>(r#"{"foo":1,"email":"y","nickname":5,"Age":300,"age":300}"#),
        [
            "/username required: missing argument `username`",
            "/email format: \"y\" is not an email address",
            "/age maximum: 300 is more than the maximum of 150",
            "/nickname type: expected a string or null, got 5",
            "/foo additionalProperties: unknown argument `foo`; the arguments are `username`, `email`, `age`, `active`, `nickname`",
            "/Age additionalProperties: unknown argument `Age`; did you mean `age`?",
        ]
    );
}

#[test]
fn params_left_out_are_no_arguments() {
    let error = arguments::<Add>().read::<Add>("add", None).unwrap_err();
    let data: Value = error.data_as().unwrap();
    assert_eq!(data["errors"][1], json!({"path": "/b", "keyword": "required", "message": "missing argument `b`"}));
    assert!(arguments::<Everything>().read::<Everything>("m", None).is_ok());
}

#[test]
fn nothing_is_coerced() {
    assert_eq!(
        faults::<Add>(r#"{"a":"1","b":true}"#),
        ["/a type: expected an integer, got \"1\"", "/b type: expected an integer, got true"]
    );
    assert_eq!(faults::<Add>(r#"{"a":1.5,"b":null}"#).len(), 2);
    assert_eq!(
        faults::<Add>(r#"{"a":9223372036854775808,"b":-1e30}"#),
        [
            "/a maximum: 9223372036854775808 is more than the maximum of 9223372036854775807",
            "/b minimum: -1e+30 is less than the minimum of -9223372036854775808"
        ]
    );
}

#[test]
fn a_number_without_a_fraction_is_an_integer() {
    assert_eq!(accepts::<Add>(r#"{"a":1.0,"b":2e2}"#), Add { a: 1, b: 200 });
    assert_eq!(accepts::<Add>("[-1.0,20E-1]"), Add { a: -1, b: 2 });
    // Behind a tag serde keeps values for later, and is then more particular.
    let params = accepts::<Everything>(r#"{"payment":{"month":2.0,"number":"n","kind":"card"},"loose":3.0}"#);
    assert_eq!(params.payment, Some(Payment::Card { number: "n".into(), month: 2 }));
    assert_eq!(params.loose, Some(Loose::Number(3)));
}

#[test]
fn arguments_by_position_are_told_by_index_and_name() {
    assert_eq!(accepts::<CreateUser>(r#"["abc","a@b.example",7]"#).nickname, None);
    assert!(accepts::<CreateUser>(r#"["abc","a@b.example",7]"#).active);
    assert_eq!(
        faults::<CreateUser>(r#"["x"]"#),
        [
            "/0 minLength: `username`: \"x\" is shorter than 3 characters",
            "/1 required: missing argument `email`",
            "/2 required: missing argument `age`"
        ]
    );
    assert_eq!(faults::<Add>("[1,2,3]"), [" maxItems: takes at most 2 arguments, got 3"]);
    assert_eq!(faults::<Everything>(r#"[{"zip":"1"}]"#)[0], "/0/city required: `address`: missing field `city`");
}

#[test]
fn positions_are_those_of_the_schema() {
    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Skipping {
        a: u8,
        #[serde(default)]
        #[schemars(skip)]
        hidden: u8,
        b: u8,
        #[serde(alias = "d")]
        c: Option<u8>,
    }
    assert_eq!(accepts::<Skipping>("[1,2,3]"), Skipping { a: 1, hidden: 0, b: 2, c: Some(3) });
    assert_eq!(accepts::<Skipping>("[1,2]"), Skipping { a: 1, hidden: 0, b: 2, c: None });
    // The tag of a flattened enum has no position.
    assert_eq!(faults::<Flattened>(r#"[1,"Rome"]"#)[0].split(':').next(), Some("/t required"));
}

#[test]
fn faults_in_nested_values_have_their_own_path() {
    assert_eq!(
        faults::<Everything>(r#"{"address":{"zip":"1","street":"x"},"a/b~c":1,"map":{"a":1,"b/c":256},"pair":[1]}"#),
        [
            "/address/city required: missing field `city`",
            "/address/zip pattern: \"1\" does not match the pattern `^[0-9]{5}$`",
            "/map/b~1c maximum: 256 is more than the maximum of 255",
            "/pair minItems: has 1 item, at least 2 must be given",
            "/a~1b~0c type: expected a boolean or null, got 1"
        ]
    );
    assert_eq!(
        faults::<Everything>(
            r#"{"names":["a","bb","日","dd"],"tree":{"value":1,"children":[{"value":1,"left":{"value":"x"}}]}}"#
        ),
        [
            "/tree/children/0/left/value type: expected an integer, got \"x\"",
            "/names maxItems: has 4 items, at most 3 may be given",
            "/names/0 minLength: \"a\" is shorter than 2 characters",
            "/names/2 minLength: \"日\" is shorter than 2 characters"
        ]
    );
    assert_eq!(
        faults::<Everything>(r#"{"strict":{"x":1,"z":2}}"#),
        ["/strict/z additionalProperties: unknown field `z`; the fields are `x`, `y`"]
    );
}

#[test]
fn an_array_is_no_struct() {
    assert_eq!(
        faults::<Everything>(r#"{"address":["London",null]}"#),
        ["/address type: expected an object or null, got an array"]
    );
}

#[test]
fn enums_of_names() {
    for (params, fault) in [
        (r#"{"color":"blue"}"#, "/color enum: unknown variant `blue`, expected one of `red`, `green`, `deep_blue`"),
        (r#"{"color":5}"#, "/color type: expected a string or null, got 5"),
    ] {
        assert_eq!(faults::<Everything>(params), [fault]);
    }
}

#[test]
fn externally_tagged_enums() {
    let known = "`Circle`, `Line`, `Box`, `At`, `Dot`";
    for (params, fault) in [
        (r#"{"shape":5}"#, "/shape type: expected a string, an object or null, got 5".into()),
        (
            r#"{"shape":"dot"}"#,
            "/shape enum: unknown variant `dot`, expected one of `Dot`, `Circle`, `Line`, `Box`, `At`".into(),
        ),
        (r#"{"shape":"Circle"}"#, "/shape enum: variant `Circle` takes a value: {\"Circle\": ..}".into()),
        (r#"{"shape":{"Dot":null}}"#, "/shape/Dot enum: variant `Dot` takes no value: give the string \"Dot\"".into()),
        (r#"{"shape":{"Crcle":1}}"#, format!("/shape/Crcle enum: unknown variant `Crcle`, expected one of {known}")),
        (r#"{"shape":{"Circle":-1}}"#, "/shape/Circle minimum: -1 is less than the minimum of 0.0".into()),
        (r#"{"shape":{"Box":{"width":1}}}"#, "/shape/Box/height required: missing field `height`".into()),
        (r#"{"shape":{"Line":[1,"x"]}}"#, "/shape/Line/1 type: expected an integer, got \"x\"".into()),
        (r#"{"shape":{"At":{"city":""}}}"#, "/shape/At/city minLength: \"\" is shorter than 1 character".into()),
        (
            r#"{"shape":{"Line":[1,2],"x":1}}"#,
            "/shape/x additionalProperties: unknown field `x`; the only field is `Line`".into(),
        ),
        (
            r#"{"shape":{"Line":[1,2],"Circle":1}}"#,
            "/shape maxProperties: expected only one of the fields `Circle`, `Line`".into(),
        ),
        (r#"{"shape":{}}"#, "/shape required: expected one of the fields `Circle`, `Line`, `Box`, `At`".into()),
    ] {
        assert_eq!(faults::<Everything>(params), [fault], "{params}");
    }
}

#[test]
fn tagged_enums() {
    for (params, fault) in [
        (r#"{"payment":{}}"#, "/payment/kind required: missing field `kind`, one of `cash`, `card`, `post`"),
        (
            r#"{"payment":{"kind":"crd"}}"#,
            "/payment/kind enum: unknown variant `crd`, expected one of `cash`, `card`, `post`",
        ),
        (r#"{"payment":{"kind":1}}"#, "/payment/kind type: expected a string, got 1"),
        (
            r#"{"payment":{"kind":"card","number":"1","month":13}}"#,
            "/payment/month maximum: 13 is more than the maximum of 12",
        ),
        (r#"{"payment":{"kind":"post"}}"#, "/payment/city required: missing field `city`"),
        (r#"{"adjacent":{"t":"One","c":"x"}}"#, "/adjacent/c type: expected an integer, got \"x\""),
        (r#"{"adjacent":{"t":"Two"}}"#, "/adjacent/c required: missing field `c`"),
        (r#"{"adjacent":{"t":"Named","c":{"x":-1}}}"#, "/adjacent/c/x minimum: -1 is less than the minimum of 0"),
    ] {
        assert_eq!(faults::<Everything>(params), [fault], "{params}");
    }
}

#[test]
fn untagged_enums() {
    let shapes = "an object with `x`, `y` or an object with `text`";
    for (params, fault) in [
        (
            r#"{"loose":true}"#,
            "/loose type: expected null, an integer, an array, an object or a string, got true".into(),
        ),
        (r#"{"loose":[1,"x"]}"#, "/loose/1 type: expected an integer, got \"x\"".into()),
        (r#"{"loose":{"x":1}}"#, "/loose/y required: missing field `y`".into()),
        (r#"{"loose":{"text":1}}"#, "/loose/text type: expected a string, got 1".into()),
        (r#"{"loose":{"z":1}}"#, format!("/loose type: expected {shapes}, got an object")),
        (r#"{"loose":"longer"}"#, "/loose maxLength: \"longer\" is longer than 5 characters".into()),
    ] {
        assert_eq!(faults::<Everything>(params), [fault], "{params}");
    }
}

#[test]
fn flattened_enums() {
    assert_eq!(
        faults::<Flattened>(r#"{"x":1,"city":"","t":"Unti"}"#),
        [
            "/city minLength: \"\" is shorter than 1 character",
            "/t enum: unknown variant `Unti`, expected one of `Unit`, `One`, `Two`, `Named`"
        ]
    );
    assert_eq!(
        faults::<Flattened>(r#"{"x":1,"city":"Rome","t":"Unit","cty":1}"#),
        ["/cty unevaluatedProperties: unknown argument `cty`; did you mean `city`?"]
    );
    assert!(accepts::<Flattened>(r#"{"x":1,"city":"Rome","t":"One","c":3}"#).payment == Adjacent::One(3));
}

#[test]
fn what_no_value_can_hold_is_told_with_its_path() {
    assert_eq!(
        faults::<Everything>(
            r#"{"map":{"a":1,"a":2},"color":null,"color":"red","tree":{"value":1e400},"names":["\ud800"]}"#
        ),
        [
            "/map/a uniqueKeys: is given more than once",
            "/color uniqueKeys: is given more than once",
            "/tree/value type: 1e400 is out of the range of a number",
            "/names/0 type: a string holds half of a surrogate pair"
        ]
    );
    let deep = format!(r#"{{"tree":{}1{}}}"#, r#"{"value":1,"left":"#.repeat(200), "}".repeat(200));
    let [fault] = &faults::<Everything>(&deep)[..] else { panic!("one fault") };
    assert!(fault.ends_with(" maxDepth: nested too deeply, at most 127 levels are read"), "{fault}");
}

#[test]
fn as_deep_as_serde_json_reads_is_checked_too() {
    let nested =
        |value: &str| format!(r#"{{"tree":{}{value}{}}}"#, r#"{"value":1,"left":"#.repeat(125), "}".repeat(125));
    accepts::<Everything>(&nested(r#"{"value":1}"#));
    let [fault] = &faults::<Everything>(&nested(r#"{"value":1000}"#))[..] else { panic!("one fault") };
    assert!(fault.ends_with("/left/left/value maximum: 1000 is more than the maximum of 127"));
}

#[test]
fn a_report_has_an_end() {
    let many =
        format!(r#"{{"map":{{{}}}}}"#, (0..60).map(|key| format!(r#""{key}":-1"#)).collect::<Vec<_>>().join(","));
    let faults_of_many = faults::<Everything>(&many);
    assert_eq!((faults_of_many.len(), &*faults_of_many[50]), (51, " maxErrors: 10 more errors not listed"));

    let long = "x".repeat(100_000);
    let text = format!(
        r#"{{"{long}":1,"color":"{long}","shape":{{"{long}":1}},"names":["{long}",1],"tree":{{"value":1{}}}}}"#,
        "0".repeat(5000)
    );
    let error = arguments::<Everything>().read::<Everything>("m", Some(&raw(&text))).unwrap_err();
    assert!(error.data().unwrap().get().len() < 2000, "{:?}", error.data());
}

#[test]
fn what_serde_alone_refuses_is_told_in_its_words() {
    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Hosts {
        names: Vec<Host>,
    }
    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Host {
        address: std::net::IpAddr,
    }
    assert_eq!(
        faults::<Hosts>(r#"{"names":[{"address":"::1"},{"address":"there"}]}"#),
        ["/names/1/address type: invalid IP address syntax"]
    );
    assert_eq!(
        faults::<Hosts>(r#"[[{"address":"::1"},{"address":"there"}]]"#),
        ["/0/1/address type: `names`: invalid IP address syntax"]
    );
    assert_eq!(faults::<Numbers>(r#"{"signed":0}"#)[0].split(':').next(), Some("/signed not"));
}

#[test]
fn what_serde_alone_would_take_is_refused() {
    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only read")]
    struct Odd {
        #[serde(alias = "nombre")]
        name: Option<String>,
        #[serde(default, deserialize_with = "leniently")]
        count: u8,
    }
    fn leniently<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        Ok(Value::deserialize(deserializer)?.as_str().map_or(0, |_| 1))
    }
    assert_eq!(faults::<Odd>(r#"{"count":"many"}"#), ["/count type: expected an integer, got \"many\""]);
    assert_eq!(faults::<Odd>(r#"{"count":256}"#), ["/count maximum: 256 is more than the maximum of 255"]);
    assert_eq!(faults::<Odd>(r#"{"nombre":"x"}"#)[0].split(':').next(), Some("/nombre additionalProperties"));
}

#[test]
fn text_of_free_form_is_passed_on_as_it_is() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Forward {
        #[schemars(with = "Value")]
        body: Box<serde_json::value::RawValue>,
        id: i128,
    }
    let forward = accepts::<Forward>(r#"{"body": {"a": 1e400 ,"a":[]}, "id":1}"#);
    assert_eq!((forward.body.get(), forward.id), (r#"{"a": 1e400 ,"a":[]}"#, 1));
    assert_eq!(accepts::<Forward>(&format!(r#"{{"body":1,"id":{}}}"#, i128::MAX)).id, i128::MAX);
}

#[test]
fn a_payload_is_one_value() {
    let payload = |schema: Value| Arguments::compile_payload(&schema).unwrap();
    let number = payload(of_payload::<u8>());
    assert_eq!(number.read::<u8>("tick", Some(&raw("[7]"))).unwrap(), 7);
    assert_eq!(faults_of::<u8>(&number, "[256]"), ["/0 maximum: 256 is more than the maximum of 255"]);
    assert_eq!(faults_of::<u8>(&number, "[1,2]"), [" type: expected an integer, got an array"]);
    assert!(number.read::<u8>("tick", None).is_err());

    let list = payload(of_payload::<Vec<u8>>());
    assert_eq!(list.read::<Vec<u8>>("ticks", Some(&raw("[7]"))).unwrap(), [7]);
    assert_eq!(faults_of::<Vec<u8>>(&list, "[1,-1]"), ["/1 minimum: -1 is less than the minimum of 0"]);

    let structure = payload(of_payload::<Address>());
    assert_eq!(
        faults_of::<Address>(&structure, r#"{"zip":null,"cty":1}"#)[..],
        ["/city required: missing field `city`"]
    );
    assert!(structure.read::<Address>("a", Some(&raw(r#"[{"city":"Rome"}]"#))).is_ok());

    let nothing = payload(of_payload::<()>());
    assert!(nothing.read::<()>("ping", None).is_ok() && nothing.read::<()>("ping", Some(&raw("[null]"))).is_ok());
    let payment = payload(of_payload::<Payment>());
    assert_eq!(faults_of::<Payment>(&payment, r#"{"kind":"post"}"#), ["/city required: missing field `city`"]);
}

#[test]
fn a_schema_that_is_none_does_not_compile() {
    let error = Arguments::compile(&json!({"type": "object", "properties": {"a": {"pattern": "("}}})).unwrap_err();
    assert!(error.contains("/properties/a/pattern"), "{error}");
    assert!(Arguments::compile(&json!({"type": "obj"})).is_err());
    assert!(Arguments::compile(&json!({"$ref": "#/$defs/none"})).is_err());
    assert!(Arguments::compile(&json!({"$ref": "https://example.org/schema"})).is_err());
}
