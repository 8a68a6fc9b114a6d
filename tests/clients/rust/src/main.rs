//! The application of a rust_socketio client, for run.mjs: URL TOKEN SESSION TRANSPORT. Prints what its handlers see.

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::{json, Value};

fn handle(_event: &str, body: &Value) {
    println!("event {}", body["requestId"].as_str().unwrap());
}

fn load(program: &str) {
    println!("load {program}");
}

fn drop_program(program: &str) {
    println!("drop {program}");
}

fn load_all() {
    println!("load all");
}

// docs/recovery.md shows what follows, down to the end of connect().
#[derive(Default)]
struct Latest {
    epoch: String,
    number: u64,
}

impl Latest {
    /// An id is `epoch.number`, and within an epoch the numbers rise.
    fn is_repeat(&mut self, id: &str) -> bool {
        let Some((epoch, Ok(number))) = id.split_once('.').map(|(e, n)| (e, n.parse())) else {
            return false;
        };
        if epoch == self.epoch && number <= self.number {
            return true;
        }
        (self.epoch, self.number) = (epoch.to_owned(), number);
        false
    }
}

fn on_event(latest: &mut Latest, event: &str, args: &[Value]) {
    let body = &args[0];
    if event == "catchup" {
        for (program, verdict) in body["programs"].as_object().into_iter().flatten() {
            match verdict.as_str() {
                Some("left") => drop_program(program),
                Some("recovered") => {}
                _ => load(program),
            }
        }
        let others = body["others"].as_str().unwrap_or("recovered");
        if body["changed"] == true || others != "recovered" {
            load_all();
        }
    } else if !args.get(1).and_then(Value::as_str).is_some_and(|id| latest.is_repeat(id)) {
        handle(event, body);
    }
}

fn connect(url: &str, token: &str, session: &str, transport: TransportType) -> Result<Client, rust_socketio::Error> {
    let mut latest = Latest::default();
    ClientBuilder::new(url)
        .auth(json!({"token": token, "session": session}))
        .transport_type(transport)
        .reconnect_delay(50, 500)
        .reconnect_on_disconnect(true)
        .on_any(move |event, payload, _| {
            if let Payload::Text(args) = payload {
                on_event(&mut latest, &String::from(event), &args);
            }
        })
        .on(Event::Connect, |_, _| println!("connect"))
        .connect()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let transport = match args[3].as_str() {
        "polling" => TransportType::Polling,
        _ => TransportType::Websocket,
    };
    let _client = connect(&args[0], &args[1], &args[2], transport).expect("the first connection");
    loop {
        std::thread::park();
    }
}
