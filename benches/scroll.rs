//! Drawing at any place of ten million messages: the lookup in the store, the detail of the row, all cells of the screen.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use wscope::duplex::Direction;
use wscope::event::{Body, Event, Message};
use wscope::origin::{Origin, Span, Timestamp};
use wscope::payload::Payload;
use wscope::store::RowId;
use wscope::tui::look::Look;
use wscope::tui::model::Model;
use wscope::tui::{keys, view};

const MESSAGES: u32 = 10_000_000;
const CONNECTIONS: u32 = 100;
const BUDGET: usize = 512 << 20;

criterion_main!(benches);
criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = scroll
}

fn scroll(criterion: &mut Criterion) {
    let mut model = filled();
    println!("{} in memory, {} on the disk", model.store.memory(), model.store.spilled());
    let mut group = criterion.benchmark_group("scroll");
    for (name, columns, rows) in [("80x24", 80, 24), ("160x50", 160, 50)] {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen in memory");
        let mut places = Dice(1);
        group.bench_function(format!("{name}, all connections"), |bencher| {
            bencher.iter_batched(
                || places.below(MESSAGES),
                |row| draw(&mut model, &mut terminal, row),
                BatchSize::SmallInput,
            );
        });
        model.set_connection(7);
        group.bench_function(format!("{name}, one connection"), |bencher| {
            bencher.iter_batched(
                || places.below(MESSAGES),
                |row| draw(&mut model, &mut terminal, row),
                BatchSize::SmallInput,
            );
        });
        model.set_connection(0);
        assert!(keys::set_filter(&mut model, "ws.dir == s2c"), "understood");
        while model.work(Instant::now() + Duration::from_secs(1)) {}
        group.bench_function(format!("{name}, filtered"), |bencher| {
            bencher.iter_batched(
                || places.below(MESSAGES),
                |row| draw(&mut model, &mut terminal, row),
                BatchSize::SmallInput,
            );
        });
        assert!(keys::set_filter(&mut model, ""), "understood");
    }
}

fn draw(model: &mut Model, terminal: &mut Terminal<TestBackend>, row: RowId) {
    model.timeline.select(row);
    model.size = terminal.get_frame().area();
    model.settle();
    terminal.draw(|frame| view::draw(frame, model)).expect("memory takes all");
    black_box(terminal.backend().buffer());
}

fn filled() -> Model {
    let mut model = Model::new("a bench".to_owned(), false, BUDGET, Look::default());
    for number in 0..MESSAGES {
        model.store.push(message(number)).expect("room");
    }
    model
}

fn message(number: u32) -> Event {
    let text = format!("{{\"type\":\"tick\",\"number\":{number},\"bid\":101.25,\"ask\":101.5,\"venue\":\"X\"}}");
    let mut payload = Payload::default();
    payload.text = true;
    payload.append(text.as_bytes(), usize::MAX);
    let origin = Origin { packet: number.into(), time: Timestamp(i64::from(number) * 1_000_000) };
    let direction = if number.is_multiple_of(2) { Direction::ToServer } else { Direction::ToClient };
    let message = Message {
        text: true,
        frames: 1,
        payload_length: text.len() as u64,
        payload,
        ..Message::new(direction, (number / CONNECTIONS).into())
    };
    let connection = u64::from(1 + number % CONNECTIONS);
    Event { connection, span: Span::at(origin), body: Body::Message(Box::new(message)) }
}

/// Numbers that look random, the same each time (xorshift, Marsaglia 2003).
struct Dice(u32);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % bound
    }
}
