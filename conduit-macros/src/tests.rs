//! The steps one by one, and all of them together. What the errors look like is in `tests/ui` of the workspace.

use std::time::Duration;

use quote::{ToTokens, quote};
use syn::{File, Item, ItemFn, parse_quote};

use crate::{
    check,
    errors::Errors,
    expand_event, expand_on, expand_rpc, expand_rpc_error,
    model::{
        Function,
        callable::Output,
        event::EventType,
        hook::{Hook, Moment},
        param::Param,
        rpc_error::ErrorType,
        service::Service,
        types::text,
    },
};

fn function(options: proc_macro2::TokenStream, item: ItemFn) -> (Function, Errors) {
    let mut errors = Errors::default();
    let function = Function::read(options, item, &mut errors);
    check::method(&function.method, &mut errors);
    (function, errors)
}

fn messages(options: proc_macro2::TokenStream, item: ItemFn) -> Vec<String> {
    function(options, item).1.messages()
}

fn items(tokens: proc_macro2::TokenStream) -> Vec<Item> {
    syn::parse2::<File>(tokens).expect("an expansion is items").items
}

#[test]
fn parameters_are_told_apart_by_ownership() {
    let item = parse_quote!(
        async fn rename(client: &Connection, mut name: String, db: &Db, r#type: Option<u8>) -> Result<User, E> {}
    );
    let (function, errors) = function(quote!(), item);
    assert_eq!(errors.messages(), [""; 0]);
    let params = function.method.callable.params.iter().map(|param| match param {
        Param::Argument(argument) => format!("{} = {}", argument.name, text(&argument.ty)),
        Param::Borrow(ty) => format!("&{}", text(ty)),
    });
    assert_eq!(params.collect::<Vec<_>>(), ["&Connection", "name = String", "&Db", "type = Option<u8>"]);
    assert!(function.method.callable.is_async);
    assert!(matches!(function.method.callable.output, Output::Fallible(_)));
}

#[test]
fn options_of_a_function() {
    let options = quote!(name = "user.create", public, timeout = "1m 30s", ordered, idempotent, deprecated);
    let options = quote!(#options, crate = crate::conduit);
    let (function, errors) = function(
        options,
        parse_quote!(
            fn create() {}
        ),
    );
    assert_eq!(errors.messages(), [""; 0]);
    let method = &function.method;
    assert_eq!(method.name.text, "user.create");
    assert!(method.public && method.ordered && method.idempotent && method.deprecated && !method.builtin);
    assert_eq!(method.timeout, Some(Duration::from_secs(90)));
    assert_eq!(text(&function.krate), "crate::conduit");
}

#[test]
fn a_hook_borrows_and_owns_why_a_connection_ended() {
    let mut errors = Errors::default();
    let item = parse_quote!(
        pub(crate) fn left(db: &Db, end: conduit::Disconnected, client: &Connection) -> Result<(), E> {}
    );
    let hook = Hook::read(Moment::ClientDisconnect, quote!(crate = crate::conduit), item, &mut errors);
    check::hook(&hook, &mut errors);
    assert_eq!(errors.messages(), [""; 0]);
    assert_eq!(hook.callable.borrows().map(text).collect::<Vec<_>>(), ["Db", "Connection"]);
    assert_eq!((hook.callable.arguments().count(), text(&hook.krate).as_str()), (1, "crate::conduit"));
}

#[test]
fn description_is_the_doc_comment() {
    let (function, _) = function(
        quote!(),
        parse_quote!(
            /// Add.
            ///
            ///   Indented.
            fn add() {}
        ),
    );
    assert_eq!(function.method.description().to_string(), r#""Add.\n\n  Indented.""#);
}

#[test]
fn attributes_of_arguments_leave_the_function() {
    let item = parse_quote!(
        fn create(
            /// The name.
            #[schemars(length(min = 3))]
            #[allow(unused)]
            name: String,
            #[arg(default = 5)] times: u8,
        ) {
        }
    );
    let (function, errors) = function(quote!(), item);
    assert_eq!(errors.messages(), [""; 0]);
    assert_eq!(text(&function.item.sig.inputs), "#[allow(unused)]name: String, times: u8,");
    let attributes: Vec<_> = function.method.arguments().map(|argument| argument.attributes.len()).collect();
    assert_eq!(attributes, [2, 0]);
}

#[test]
fn every_mistake_is_an_error() {
    let messages = messages(
        quote!(name = "rpc.add", publik, timeout = "0s"),
        parse_quote!(
            fn add<T>(a: &str, (b, c): (i64, i64)) {}
        ),
    );
    assert_eq!(messages.len(), 6, "{messages:#?}");

    let tokens = expand_rpc(
        quote!(name = "rpc.add", publik),
        &quote!(
            fn add<T>(a: &str, (b, c): (i64, i64)) {}
        ),
    );
    assert_eq!(tokens.to_string().matches("compile_error").count(), 5);
}

#[test]
fn reading_goes_on_behind_a_broken_option() {
    let (function, errors) = function(
        quote!(5, "x" y, public, name "z", deprecated),
        parse_quote!(
            fn add() {}
        ),
    );
    assert_eq!(errors.messages().len(), 3, "{:#?}", errors.messages());
    assert!(function.method.public && function.method.deprecated);
}

#[test]
fn builtin_methods_may_take_reserved_names() {
    assert_eq!(
        messages(
            quote!(builtin, name = "rpc.login"),
            parse_quote!(
                fn login() {}
            )
        ),
        [""; 0]
    );
    let tokens = expand_rpc(
        quote!(builtin, name = "rpc.login"),
        &quote!(
            fn login() {}
        ),
    );
    assert!(!tokens.to_string().contains("inventory"));
}

#[test]
fn names_of_the_user_do_not_meet_ours() {
    let tokens = expand_rpc(
        quote!(),
        &quote!(
            fn say(client: u8, params: u8, call: u8, output: u8) {}
        ),
    );
    assert!(items(tokens).len() >= 3);
}

#[test]
fn a_function_becomes_items_under_its_cfg() {
    let tokens = expand_rpc(
        quote!(),
        &quote!(
            #[cfg(unix)]
            pub async fn add(a: i64, db: &Db) -> i64 {
                a
            }
        ),
    );
    let items = items(tokens);
    assert!(matches!(&items[..], [Item::Fn(_), Item::Struct(_), Item::Const(_)]));
    assert!(items.iter().all(|item| item.to_token_stream().to_string().contains("# [cfg (unix)]")));
}

#[test]
fn an_impl_block_becomes_items() {
    let block = quote!(
        impl Chat {
            fn new() -> Self {}
            #[rpc(public)]
            pub async fn say(&self, #[arg(default = Self::TEXT)] text: String) -> Self {}
            #[rpc(skip)]
            fn helper<T>(&self, t: T) {}
        }
    );
    let mut errors = Errors::default();
    let item = syn::parse2(block.clone()).unwrap();
    let service = Service::read(quote!(namespace = "chat"), item, &mut errors);
    assert_eq!(errors.messages(), [""; 0]);
    let names: Vec<_> = service.methods.iter().map(|method| method.name.text.as_str()).collect();
    assert_eq!(names, ["chat.say"]);
    assert!(matches!(&service.methods[0].callable.output, Output::Plain(ty) if text(ty) == "Chat"));

    let tokens = expand_rpc(quote!(namespace = "chat"), &block);
    assert!(!tokens.to_string().contains("# [rpc"));
    assert!(matches!(&items(tokens)[..], [Item::Impl(_), Item::Struct(_), Item::Const(_)]));
}

#[test]
fn mistakes_leave_the_item_and_a_stub() {
    let tokens = expand_rpc(
        quote!(publik),
        &quote!(
            fn add(a: &str) -> u8 {
                1
            }
        ),
    );
    let items = items(tokens);
    assert!(matches!(&items[..], [Item::Macro(_), Item::Macro(_), Item::Fn(_), Item::Struct(_), Item::Const(_)]));

    let tokens = expand_rpc(
        quote!(),
        &quote!(
            struct User;
        ),
    );
    assert!(matches!(&self::items(tokens)[..], [Item::Macro(_), Item::Struct(_)]));
}

#[test]
fn an_error_enum_becomes_items() {
    let input = quote!(
        enum UserError {
            #[error("user {id} not found")]
            #[rpc(code = 404)]
            NotFound {
                id: u64,
                #[rpc(skip)]
                at: Instant,
            },
            #[rpc(code = -1)]
            Two(u8, #[serde(rename = "b")] String),
            #[rpc(internal)]
            Io(std::io::Error),
        }
    );
    let mut errors = Errors::default();
    let error = ErrorType::read(&syn::parse2(input.clone()).unwrap(), &mut errors);
    assert_eq!(errors.messages(), [""; 0]);
    assert_eq!(error.variants.iter().map(|variant| variant.data().count()).collect::<Vec<_>>(), [1, 2, 1]);
    assert!(!error.variants[0].is_whole() && error.variants[1].is_whole());
    assert!(matches!(&items(expand_rpc_error(input))[..], [Item::Const(_)]));
}

#[test]
fn every_mistake_of_an_error_enum_is_named() {
    let input = quote!(
        enum UserError<T> {
            NotFound,
            #[rpc(code = -32000)]
            Reserved,
            #[rpc(code = 1)]
            One,
            #[rpc(code = 1, retries)]
            Two(T),
        }
    );
    let mut errors = Errors::default();
    let error = ErrorType::read(&syn::parse2(input).unwrap(), &mut errors);
    check::rpc_error(&error, &mut errors);
    assert_eq!(errors.messages().len(), 5, "{:#?}", errors.messages());
}

fn handler(options: proc_macro2::TokenStream, item: ItemFn) -> (Function, Errors) {
    let mut errors = Errors::default();
    let function = Function::read_handler(options, item, &mut errors);
    check::method(&function.method, &mut errors);
    (function, errors)
}

#[test]
fn names_and_options_of_a_handler_come_in_any_order() {
    let (function, errors) = handler(
        quote!("chat", public, "shout", timeout = "1s", deprecated, crate = crate::conduit),
        parse_quote!(
            #[on("say")]
            #[allow(unused)]
            fn chat() {}
        ),
    );
    assert_eq!(errors.messages(), [""; 0]);
    let method = &function.method;
    assert_eq!(method.events, ["chat", "shout", "say"]);
    assert!(method.name.text == "chat" && method.is_handler() && method.public && method.deprecated);
    assert_eq!(method.timeout, Some(Duration::from_secs(1)));
    assert_eq!((function.item.attrs.len(), text(&function.krate)), (1, "crate::conduit".into()));
}

#[test]
fn a_payload_is_the_only_owned_parameter_in_any_pattern() {
    let (function, errors) = handler(
        quote!("chat"),
        parse_quote!(
            async fn chat(client: &Connection, Chat { text, .. }: Chat, db: &Db) {}
        ),
    );
    assert_eq!(errors.messages(), [""; 0]);
    assert_eq!(function.method.arguments().map(|payload| text(&payload.ty)).collect::<Vec<_>>(), ["Chat"]);

    let (_, errors) = handler(
        quote!("chat"),
        parse_quote!(
            async fn chat(#[schemars(email)] a: A, #[arg(default = 1)] b: B, c: &str) {}
        ),
    );
    // Two attributes, a type that is not owned, and a second and a third payload.
    assert_eq!(errors.messages().len(), 5, "{:#?}", errors.messages());
}

#[test]
fn every_mistake_in_the_names_of_a_handler_is_an_error() {
    for (options, count) in [
        (quote!(), 1),
        (quote!(public), 1),
        (quote!(5), 1),
        (quote!(chat), 1),
        (quote!(name = "chat"), 1),
        (quote!("", "rpc.a", "a", "a", 'c', publik), 5),
        (quote!("a" "b", "c"), 1),
    ] {
        let messages = handler(
            options.clone(),
            parse_quote!(
                fn chat() {}
            ),
        )
        .1
        .messages();
        assert_eq!(messages.len(), count, "{options}: {messages:#?}");
    }
}

#[test]
fn a_handler_becomes_items_without_arguments_or_a_call() {
    let item = quote!(
        async fn chat(data: Chat) {}
    );
    let tokens = expand_on(quote!("chat"), &item);
    assert!(matches!(&items(tokens.clone())[..], [Item::Fn(_), Item::Struct(_), Item::Const(_)]));
    assert!(!tokens.to_string().contains("PendingCall") && tokens.to_string().contains("type Params = Chat"));

    let tokens = expand_on(quote!(), &item);
    assert!(matches!(&items(tokens)[..], [Item::Macro(_), Item::Fn(_), Item::Struct(_), Item::Const(_)]));
}

#[test]
fn handlers_of_a_service_keep_their_names_and_stay_out_of_the_client() {
    let item = parse_quote!(
        impl Chat {
            #[on("chat", public)]
            async fn hear(&self, data: Self) {}
            async fn history(&self) {}
        }
    );
    let mut errors = Errors::default();
    let service = Service::read(quote!(namespace = "room"), item, &mut errors);
    assert_eq!(errors.messages(), [""; 0]);
    let names: Vec<_> = service.methods.iter().map(|method| method.name.text.as_str()).collect();
    assert_eq!((names, service.called().count()), (vec!["chat", "room.history"], 1));

    let alone = quote!(
        impl Chat {
            #[on("chat")]
            fn hear(&self) {}
        }
    );
    assert!(matches!(&items(expand_rpc(quote!(), &alone))[..], [Item::Impl(_), Item::Const(_)]));
}

#[test]
fn a_function_has_one_role() {
    let item = quote!(
        #[conduit::rpc(public)]
        fn chat() {}
    );
    assert_eq!(expand_on(quote!("chat"), &item).to_string().matches("compile_error").count(), 1);
    let item = quote!(
        #[on("chat")]
        fn chat() {}
    );
    assert_eq!(expand_rpc(quote!(), &item).to_string().matches("compile_error").count(), 1);
}

#[test]
fn a_payload_gets_the_name_of_its_event() {
    let tokens = expand_event(quote!(
        #[event("chat", crate = crate::conduit)]
        enum Chat {
            Said,
        }
    ));
    assert!(tokens.to_string().contains(r#"impl crate :: conduit :: Event for Chat"#), "{tokens}");
    assert!(tokens.to_string().contains(r#"const NAME : & 'static str = "chat""#), "{tokens}");
}

#[test]
fn every_mistake_in_the_name_of_a_payload_is_an_error() {
    for (input, count) in [
        (
            quote!(
                struct Chat;
            ),
            1,
        ),
        (
            quote!(
                #[event = "chat"]
                struct Chat;
            ),
            1,
        ),
        (
            quote!(
                #[event("")]
                struct Chat;
            ),
            1,
        ),
        (
            quote!(
                #[event("*", "b", "rpc.c")]
                struct Chat;
            ),
            4,
        ),
        (quote!(#[event(public)] union Chat<T> { t: T }), 3),
    ] {
        let mut errors = Errors::default();
        EventType::read(&syn::parse2(input.clone()).unwrap(), &mut errors);
        assert_eq!(errors.messages().len(), count, "{input}: {:#?}", errors.messages());
    }
}
