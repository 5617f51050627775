//! What a network, and the capture of it, do to segments without losing any.

use wscope::duplex::{Direction, Duplex};
use wscope::net::segment::Flags;

use super::dice::Dice;
use super::segment::Segment;

/// How the segments of a conversation travel.
#[derive(Debug, Clone)]
pub struct Network {
    pub seed: u64,
    /// Segments of the same side are joined before they are cut anew.
    pub coalesce: bool,
    /// Largest payload of a segment.
    pub mss: usize,
    /// One in so many segments is followed by a retransmission of older bytes, cut otherwise; 0: none.
    pub repeat: usize,
    /// So many places a segment can come late.
    pub late: usize,
    /// Whether the two sides come late independently: answers before questions.
    pub across: bool,
    /// Whose SYN is not captured.
    pub without_syn: Duplex<bool>,
    /// Whether the client's first bytes travel on its SYN (RFC 7413).
    pub data_on_syn: bool,
    /// Nanoseconds between segments.
    pub pace: i64,
}

impl Network {
    /// One that changes nothing.
    pub fn calm() -> Self {
        Self {
            seed: 0,
            coalesce: false,
            mss: usize::MAX,
            repeat: 0,
            late: 0,
            across: false,
            without_syn: Duplex::default(),
            data_on_syn: false,
            pace: 50_000,
        }
    }

    /// The segments as they are captured behind it.
    pub fn carry(&self, segments: Vec<Segment>) -> Vec<Segment> {
        let dice = &mut Dice(self.seed);
        let mut segments = segments;
        if self.data_on_syn {
            segments = data_on_syn(segments);
        }
        if self.coalesce {
            segments = coalesce(segments);
        }
        segments = cut(segments, self.mss, dice);
        segments.retain(|segment| !(segment.has(Flags::SYN) && self.without_syn[segment.from]));
        segments = repeat(segments, self.repeat, dice);
        segments = delay(segments, self.late, self.across, dice);
        for (segment, index) in segments.iter_mut().zip(0..) {
            segment.time = index * self.pace;
        }
        segments
    }
}

fn data_on_syn(mut segments: Vec<Segment>) -> Vec<Segment> {
    let of_client = |segment: &Segment| segment.from == Direction::ToServer;
    let syn = segments.iter().position(|segment| of_client(segment) && segment.has(Flags::SYN));
    let data = segments.iter().position(|segment| of_client(segment) && !segment.payload.is_empty());
    if let (Some(syn), Some(data)) = (syn, data) {
        let data = segments.remove(data);
        segments[syn].payload = data.payload;
    }
    segments
}

fn coalesce(segments: Vec<Segment>) -> Vec<Segment> {
    const LARGEST: usize = 60_000;
    let mut joined: Vec<Segment> = Vec::new();
    for segment in segments {
        match joined.last_mut() {
            Some(last)
                if last.from == segment.from
                    && last.end() == segment.seq
                    && !last.has(Flags::FIN)
                    && !segment.has(Flags::SYN)
                    && !segment.has(Flags::RST)
                    && last.ack == segment.ack
                    && last.payload.len() + segment.payload.len() < LARGEST =>
            {
                last.flags.0 |= segment.flags.0;
                last.payload.extend_from_slice(&segment.payload);
            }
            Some(_) | None => joined.push(segment),
        }
    }
    joined
}

fn cut(segments: Vec<Segment>, mss: usize, dice: &mut Dice) -> Vec<Segment> {
    // So many pieces of one segment; the rest of a long one stays whole.
    const MOST: usize = 400;
    let mut pieces = Vec::new();
    for mut rest in segments {
        for _ in 0..MOST {
            if mss == usize::MAX || rest.payload.len() < 2 {
                break;
            }
            let (piece, behind) = rest.split_at(1 + dice.below(mss));
            if behind.payload.is_empty() {
                rest = Segment { flags: Flags(piece.flags.0 | behind.flags.0), ..piece };
                break;
            }
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(rest);
    }
    pieces
}

fn repeat(segments: Vec<Segment>, one_in: usize, dice: &mut Dice) -> Vec<Segment> {
    const LONGEST: usize = 3_000;
    let mut sent: Duplex<Vec<Segment>> = Duplex::default();
    let mut all = Vec::new();
    for segment in segments {
        let from = segment.from;
        sent[from].push(segment.clone());
        all.push(segment);
        if !dice.once_in(one_in) {
            continue;
        }
        // From some byte of a recent segment on, as many as fit, over segment bounds.
        let sent = &sent[from];
        let start = sent.len() - 1 - dice.below(sent.len().min(6));
        let mut again = sent[start].clone();
        let skipped = dice.below(again.payload.len().max(1));
        if skipped > 0 {
            again = again.split_at(skipped).1;
        }
        for next in &sent[start + 1..] {
            let follows = next.seq == again.end() && next.ack == again.ack && !next.payload.is_empty();
            if follows && !again.has(Flags::FIN) && !next.has(Flags::RST) {
                again.flags.0 |= next.flags.0;
                again.payload.extend_from_slice(&next.payload);
            }
        }
        all.push(again.split_at(1 + dice.below(LONGEST)).0);
    }
    all
}

fn delay(segments: Vec<Segment>, late: usize, across: bool, dice: &mut Dice) -> Vec<Segment> {
    if late == 0 {
        return segments;
    }
    let arrival = |(index, segment): (usize, Segment)| {
        // What an acknowledgment means is not known before the SYN of the other side.
        let late = if segment.has(Flags::SYN) { 0 } else { dice.below(late + 1) };
        (index + late, segment)
    };
    let mut arrivals: Vec<_> = segments.into_iter().enumerate().map(arrival).collect();
    if across {
        arrivals.sort_by_key(|(due, _)| *due);
        return arrivals.into_iter().map(|(_, segment)| segment).collect();
    }
    // Each run of one side is shuffled in itself, so that whose turn it is stays the same.
    arrivals
        .chunk_by_mut(|(_, one), (_, other)| one.from == other.from)
        .flat_map(|run| {
            run.sort_by_key(|(due, _)| *due);
            run.iter().map(|(_, segment)| segment.clone()).collect::<Vec<_>>()
        })
        .collect()
}
