//! The OpenAPI 3.1 document, made from the table of routes.
//!
//! Only tests make it: they compare it with the committed copy, which is what the
//! gateway serves (`document`). So a change of the API is seen in review, and the
//! program carries nothing of this.

use serde_json::Value;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
    PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{
    ArrayBuilder, ComponentsBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    Content, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder, Server,
};

use crate::config::Profile;
use crate::http::document::API_VERSION;
use crate::http::envelope::Envelope;
use crate::http::examples;
use crate::http::params::{ID_PATTERN, Kind, Location, Param};
use crate::http::route::{Gives, Policy, Route, Run, Verb};
use crate::http::session_cookie;
use crate::http::shape::{Schemas, reference};
use crate::http::table::Table;

/// Name of the security scheme.
const KEY_SCHEME: &str = "ApiKey";
/// And of the cookie that `POST /api/session` sets.
const COOKIE_SCHEME: &str = "Session";

/// The document as the table of routes gives it, in readable JSON.
#[must_use]
pub(crate) fn describe(table: &Table) -> String {
    let mut text = build(table).0.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The document, and every schema it collected on the way.
pub(crate) fn build(table: &Table) -> (OpenApi, Schemas) {
    let mut schemas = Schemas::new();
    let error = reference::<Envelope<'_>>(&mut schemas);
    let mut paths = PathsBuilder::new();
    for route in table.routes() {
        let operation = operation(route, &mut schemas);
        // The builder merges operations of one path.
        paths = paths.path(route.path, PathItem::new(method(route.verb), operation));
    }
    let key = ApiKeyValue::with_description("X-API-Key", "A key of the gateway");
    let about = "The session of a browser, set by POST /api/session";
    let cookie = ApiKeyValue::with_description(session_cookie::NAME, about);
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas.iter().cloned())
        .responses_from_iter(
            FAILURES.map(|(code, reason)| (failure_name(code), failure(code, reason, &error))),
        )
        .security_scheme(KEY_SCHEME, SecurityScheme::ApiKey(ApiKey::Header(key)))
        .security_scheme(
            COOKIE_SCHEME,
            SecurityScheme::ApiKey(ApiKey::Cookie(cookie)),
        );
    let info = InfoBuilder::new()
        .title("MFG drone gateway")
        .version(API_VERSION)
        .description(Some(
            "Battery and temperature of drones, alerts, performance and keys, on site over TLS",
        ));
    let document = OpenApiBuilder::new()
        .info(info)
        .servers(Some([this_gateway()]))
        .tags(Some(TAGS.map(|(name, about)| tag(name, about))))
        .paths(paths)
        .components(Some(components.build()))
        .build();
    (document, schemas)
}

/// Whoever reads the document has it from the gateway that it describes.
fn this_gateway() -> Server {
    let mut server = Server::new("/");
    server.description = Some("The gateway that serves this document".to_owned());
    server
}

/// What each group of routes is for.
pub(crate) const TAGS: [(&str, &str); 24] = [
    ("root", "What answers here"),
    ("health", "Whether the gateway and what it watches work"),
    ("drones", "State of drones, and what they are told to do"),
    ("plans", "Flight plans: judged, flown step by step, ended"),
    (
        "alerts",
        "Alerts, the rules that raise them, and what is done about them",
    ),
    ("operations", "What became of commands"),
    (
        "live",
        "The WebSocket, and tickets for those that cannot send headers",
    ),
    ("photos", "Pictures that drones took"),
    (
        "recordings",
        "Flights that were kept: states, commands and alerts of each, in one file",
    ),
    ("dashboard", "Summaries for screens"),
    (
        "performance",
        "Load of the board, of the API and of the cache",
    ),
    ("security", "Keys, lock-outs and the audit trail"),
    ("sessions", "Browsers that are signed in"),
    (
        "trust",
        "The gateway's own certificate authority, for devices that shall trust it",
    ),
    (
        "notify",
        "Who is told of alerts, and whether it reaches them",
    ),
    ("network", "Searching networks for drones"),
    ("system", "The gateway itself"),
    ("update", "Signed updates of the board's system"),
    ("demo", "What can be made to happen; in the demo only"),
    ("documents", "This description"),
    ("pages", "Pages for browsers, and their parts"),
    ("vision", "Passed on to the configured vision service"),
    ("models", "Passed on to the configured vision service"),
    ("datasets", "Passed on to the configured vision service"),
];

fn tag(name: &str, about: &str) -> Tag {
    TagBuilder::new()
        .name(name)
        .description(Some(about))
        .build()
}

const fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route, schemas: &mut Schemas) -> Operation {
    let (code, answer) = answer(route, schemas);
    let mut operation = OperationBuilder::new()
        .operation_id(Some(operation_id(route)))
        .tag(route.tag)
        .summary(Some(route.summary))
        .description(Some(who(route.policy)))
        .extensions(Some(permission(route.policy)))
        .request_body(body(route))
        .response(code, answer);
    let outside = |param: &&Param| !matches!(param.location, Location::Body | Location::Part);
    for param in route.params.iter().filter(outside) {
        operation = operation.parameter(parameter(param));
    }
    if route.policy.asks_for_key(Profile::Strict) {
        for scheme in [KEY_SCHEME, COOKIE_SCHEME] {
            let requirement = SecurityRequirement::new(scheme, Vec::<String>::new());
            operation = operation.security(requirement);
        }
    } else {
        // Said, not left out: a reader of the document need not know its default.
        operation = operation.securities(Some([]));
    }
    for (code, _) in failures(route) {
        operation = operation.response(
            code,
            RefOr::<Response>::Ref(Ref::from_response_name(failure_name(code))),
        );
    }
    operation.build()
}

/// `get_api_alerts_by_alert_id`: stable, and unique because method and path are.
pub(crate) fn operation_id(route: &Route) -> String {
    let path = route
        .path
        .replace(['{', '}'], "")
        .replace(['/', '-', '.'], "_");
    format!(
        "{:?}{}",
        route.verb,
        if path == "_" { "_root" } else { &path }
    )
    .to_lowercase()
}

/// Every profile with its name in the configuration.
const PROFILES: [(Profile, &str); 3] = [
    (Profile::Strict, "strict"),
    (Profile::Documented, "documented"),
    (Profile::Legacy, "legacy"),
];

/// Where the document says for programs what [`who`] says for people.
const PERMISSION: &str = "x-permission";

/// In place of a permission, where any key will do.
const ANY: &str = "any";

/// The permission that each profile asks for; a profile that is not named asks
/// for none.
fn permission(policy: Policy) -> Extensions {
    let needed: serde_json::Map<String, Value> = PROFILES
        .iter()
        .filter_map(|(profile, name)| {
            let needed = match policy.needs(*profile) {
                None if policy.asks_for_key(*profile) => ANY,
                permission => permission?.name(),
            };
            Some(((*name).to_owned(), needed.into()))
        })
        .collect();
    Extensions::from_iter([(PERMISSION, Value::from(needed))])
}

fn who(policy: Policy) -> String {
    if policy == Policy::AnyKey {
        return "Needs a key or a session, whatever it may do.".to_owned();
    }
    let [strict, documented, legacy] = PROFILES.map(|(profile, _)| policy.needs(profile));
    let Some(permission) = strict else {
        return "Open to everybody.".to_owned();
    };
    let elsewhere = match (documented, legacy) {
        (None, None) => " in the access profile strict; open in the others".to_owned(),
        (Some(_), None) => "; open in the access profile legacy".to_owned(),
        (Some(other), _) if other != permission => {
            format!(" in the access profile strict, `{other}` in the others")
        }
        _ => String::new(),
    };
    format!("Needs the permission `{permission}`{elsewhere}.")
}

fn answer(route: &Route, schemas: &mut Schemas) -> (&'static str, Response) {
    let described = |text: &str| ResponseBuilder::new().description(text);
    match route.gives {
        Gives::Json(shape) | Gives::JsonOr(shape, _) | Gives::Forwarded(shape) => {
            let schema = (shape.schema)(schemas);
            let example = examples::of_schema(&schema, schemas);
            let content = ContentBuilder::new()
                .schema(Some(schema))
                .example(Some(example));
            let text = match route.gives {
                Gives::Forwarded(_) => "The answer of the configured upstream",
                _ => "Success",
            };
            let success = described(text).content("application/json", content.build());
            let success = match route.gives {
                Gives::JsonOr(_, other) => success.content(other, Content::default()),
                _ => success,
            };
            ("200", success.build())
        }
        Gives::Media(media) => {
            let success = media.iter().fold(described("Success"), |success, one| {
                success.content(*one, Content::default())
            });
            ("200", success.build())
        }
        Gives::Upgrade => (
            "101",
            described("The connection is a WebSocket from here on").build(),
        ),
    }
}

/// The one among them that is no refusal, and has no body.
const NO_CONTENT: &str = "204";

/// What a client has to expect beside success, and when.
const FAILURES: [(&str, &str); 17] = [
    (NO_CONTENT, "There is nothing newer yet"),
    ("400", "A value is not allowed"),
    ("401", "There is no valid key"),
    (
        "403",
        "The key lacks the permission, the address is locked out, or the request comes from a page of another origin",
    ),
    ("404", "It does not exist"),
    ("409", "It exists already, or there is no room for another"),
    ("411", "The header Content-Length is missing"),
    ("413", "The body is too large"),
    (
        "421",
        "No key is needed, and the Host is not a name of the gateway",
    ),
    ("422", "A parameter is missing or malformed"),
    ("426", "The request is no WebSocket handshake"),
    (
        "429",
        "There were too many requests; Retry-After says when to come back",
    ),
    ("501", "This installation cannot do it"),
    (
        "503",
        "The service is not running, or the change could not be saved",
    ),
    ("502", "The upstream failed or gave an invalid answer"),
    ("504", "The upstream did not answer in time"),
    ("507", "There is no room for it on the disk"),
];

/// Those of one route.
fn failures(route: &Route) -> impl Iterator<Item = (&'static str, &'static str)> {
    let has_key = route.policy.asks_for_key(Profile::Strict);
    let is_opened = has_key
        && PROFILES
            .iter()
            .any(|(profile, _)| !route.policy.asks_for_key(*profile));
    let (params, is_socket) = (route.params, matches!(route.gives, Gives::Upgrade));
    let (conflicts, also) = (route.conflicts, route.also);
    let (forwarded, takes_body) = (
        matches!(route.gives, Gives::Forwarded(_)),
        body(route).is_some(),
    );
    FAILURES.into_iter().filter(move |(code, _)| match *code {
        code if also.contains(&code) => true,
        "401" | "403" | "503" => has_key,
        "404" => params.iter().any(|param| param.location == Location::Path),
        "400" => params.iter().any(|param| param.location != Location::Path),
        "409" => conflicts,
        NO_CONTENT | "411" | "501" | "507" => false,
        "413" => takes_body,
        "422" => params
            .iter()
            .any(|param| param.location != Location::Path || param.kind == Kind::Id),
        "421" => is_opened,
        "426" => is_socket,
        "502" | "504" => forwarded,
        _ => true,
    })
}

fn failure_name(code: &str) -> String {
    format!("Failure{code}")
}

/// The shared description of a refusal.
fn failure(code: &str, reason: &str, error: &RefOr<Schema>) -> Response {
    let response = ResponseBuilder::new().description(reason);
    if code == NO_CONTENT {
        return response.build();
    }
    response
        .content("application/json", Content::new(Some(error.clone())))
        .build()
}

fn parameter(param: &Param) -> Parameter {
    let place = if param.location == Location::Path {
        ParameterIn::Path
    } else {
        ParameterIn::Query
    };
    // What may stand in the body instead cannot be required in the query.
    let is_required = param.required && param.location != Location::QueryOrBody;
    ParameterBuilder::new()
        .name(param.name)
        .parameter_in(place)
        .required(if is_required {
            Required::True
        } else {
            Required::False
        })
        .description(Some(param.about))
        .schema(Some(schema(param)))
        .example(is_required.then(|| examples::of_param(param)))
        .build()
}

/// The JSON body: fields that only it has, and fields it may have.
fn body(route: &Route) -> Option<RequestBody> {
    let in_form = |param: &Param| param.location == Location::Part;
    let form = route.params.iter().any(in_form);
    if matches!(route.run, Run::Stream(_)) && !route.takes_body() && !form {
        let content = Content::new(Some(RefOr::T(Schema::Object(ObjectBuilder::new().build()))));
        let body = RequestBodyBuilder::new().content("application/octet-stream", content);
        return Some(body.required(Some(Required::True)).build());
    }
    if !route.takes_body() && !form {
        return None;
    }
    let in_body = |param: &&Param| {
        matches!(
            param.location,
            Location::Body | Location::QueryOrBody | Location::Part
        )
    };
    let mut object = ObjectBuilder::new();
    let mut required = Required::False;
    for param in route.params.iter().filter(in_body) {
        object = object.property(param.name, schema(param));
        if param.required && param.location != Location::QueryOrBody {
            object = object.required(param.name);
            required = Required::True;
        }
    }
    let mut content = ContentBuilder::new().schema(Some(RefOr::T(Schema::Object(object.build()))));
    let media = if form {
        "multipart/form-data"
    } else {
        content = content.example(Some(examples::of_body(route.params)));
        "application/json"
    };
    let content = content.build();
    Some(
        RequestBodyBuilder::new()
            .content(media, content)
            .required(Some(required))
            .build(),
    )
}

pub(crate) fn schema(param: &Param) -> Schema {
    let object = |of: Type| {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(of))
            .description(Some(param.about))
    };
    let object = match param.kind {
        Kind::Text => object(Type::String),
        Kind::Chars { min, max } => object(Type::String)
            .min_length(Some(min))
            .max_length(Some(max)),
        Kind::Id => object(Type::String).pattern(Some(ID_PATTERN)),
        Kind::Choice(names) => object(Type::String).enum_values(Some(names.iter().copied())),
        Kind::Number => object(Type::Number),
        Kind::Range { min, max, default } => object(Type::Number)
            .minimum(Some(min))
            .maximum(Some(max))
            .default(default.map(Value::from)),
        Kind::File => object(Type::String).content_media_type("application/octet-stream"),
        Kind::Fields(fields) => fields.iter().fold(object(Type::Object), |object, field| {
            let object = object.property(field.name, schema(field));
            if field.required {
                object.required(field.name)
            } else {
                object
            }
        }),
        Kind::Objects(_) => {
            let about = param.about;
            let items = ObjectBuilder::new().schema_type(Type::Object);
            let list = ArrayBuilder::new().items(items).description(Some(about));
            return Schema::Array(list.build());
        }
        Kind::Flag => object(Type::Boolean),
        Kind::Int { min, max, default } => object(Type::Integer)
            .minimum(Some(min as isize))
            .maximum(Some(max as isize))
            .default(default.map(Value::from)),
    };
    Schema::Object(object.build())
}
