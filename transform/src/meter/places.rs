//! Decides on which ways through a function the number is written.
//!
//! A function is a graph: places are where control parts or joins, ways lead from one to the next and cost
//! what is executed on them. The number need not be what is left at every place, only at those where others
//! see it ([`SETTLED`]). Elsewhere it may be off, if always by the same: each place has an offset, by which
//! the number is greater than what is left. A way is charged its cost, plus the offset where it begins, minus
//! the one where it ends. Proof: that takes the number from the one offset to the other, whatever came before.
//!
//! So on the ways of a spanning tree the offsets can be chosen such that nothing is charged; all others carry
//! a charge. The tree takes the ways that are taken most, by a guess: then the number is written least
//! (Knuth; Ball and Larus). Every way around has one way at least that is charged.
//!
//! It knows nothing of instructions. Invariants: the offset of a settled place is 0; what cannot be written
//! on is charged nothing.

/// A place, by its index.
pub(super) type Place = usize;

/// Where the function is entered and left, and the number is what is left.
pub(super) const SETTLED: Place = 0;

/// How often a loop turns, by a guess.
const TURNS: f64 = 8.0;
/// How likely a way is beside others from its place, if all that it can come to is a trap.
const DYING: f64 = 1e-6;
/// More than any way is taken.
const MOST: f64 = 1e30;

/// How a charge would be written on a way, by what that costs beside a charge in the code that is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Written {
    /// Where it begins.
    Straight,
    /// Where it begins; there is a check in any case, which would read the number.
    Checked,
    /// Behind a branch that the charge needs.
    Branching,
    /// Not at all.
    Never,
}

impl Written {
    fn weight(self, taken: f64) -> f64 {
        match self {
            Self::Straight => taken,
            Self::Checked => taken * 0.75,
            Self::Branching => taken * 1.5,
            Self::Never => f64::INFINITY,
        }
    }
}

struct Way {
    from: Place,
    to: Place,
    cost: i64,
    /// Of those who come to where it begins.
    share: f64,
    written: Written,
}

/// The places and ways of a function, in the order of the text: but for ways back to the head of a loop, none
/// begins where an earlier one does not end.
#[derive(Default)]
pub(super) struct Graph {
    places: Vec<Kind>,
    ways: Vec<Way>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Head,
    /// A call, where the number is what is left.
    Settled,
}

/// What is charged, and where.
pub(super) struct Charges {
    /// By way.
    pub(super) charges: Vec<i64>,
    /// By place.
    pub(super) offsets: Vec<i64>,
}

impl Graph {
    pub(super) fn new() -> Self {
        Self {
            places: vec![Kind::Settled],
            ways: Vec::new(),
        }
    }

    pub(super) fn place(&mut self) -> Place {
        self.add(Kind::Plain)
    }

    /// The head of a loop.
    pub(super) fn head(&mut self) -> Place {
        self.add(Kind::Head)
    }

    /// A place where the number is what is left.
    pub(super) fn settled(&mut self) -> Place {
        self.add(Kind::Settled)
    }

    fn add(&mut self, kind: Kind) -> Place {
        self.places.push(kind);
        self.places.len() - 1
    }

    /// Makes a place that was plain a settled one.
    pub(super) fn settle(&mut self, place: Place) {
        self.places[place] = Kind::Settled;
    }

    /// Adds a way, which ends where it begins until [`Graph::end`] says where.
    pub(super) fn begin(&mut self, from: Place, share: f64, written: Written) -> usize {
        self.ways.push(Way {
            from,
            to: from,
            cost: 0,
            share,
            written,
        });
        self.ways.len() - 1
    }

    pub(super) fn end(&mut self, way: usize, to: Place) {
        self.ways[way].to = to;
    }

    pub(super) fn spend(&mut self, way: usize, cost: i64) {
        self.ways[way].cost += cost;
    }

    /// Says that there is a check on a way.
    pub(super) fn check(&mut self, way: usize) {
        self.ways[way].written = Written::Checked;
    }

    pub(super) fn is_checked(&self, way: usize) -> bool {
        self.ways[way].written == Written::Checked
    }

    /// Where a way ends.
    pub(super) fn target(&self, way: usize) -> Place {
        self.ways[way].to
    }

    /// Decides. `dying` are the ways that end in a trap, in order.
    pub(super) fn solve(&self, dying: &[usize]) -> Charges {
        let taken = self.taken(dying);
        let weight = |way: usize| self.ways[way].written.weight(taken[way]);
        let mut order: Vec<usize> = (0..self.ways.len()).collect();
        order.sort_by(|one, other| weight(*other).total_cmp(&weight(*one)));
        let mut forest = Forest::new(self.places.len());
        let settled = (0..self.places.len()).filter(|place| self.places[*place] == Kind::Settled);
        for place in settled {
            forest.unite(SETTLED, place, 0);
        }
        for way in order {
            let Way { from, to, cost, .. } = self.ways[way];
            forest.unite(from, to, cost);
        }
        let (_, settled) = forest.find(SETTLED);
        let offsets = (0..self.places.len()).map(|place| forest.find(place).1 - settled);
        let offsets: Vec<i64> = offsets.collect();
        let charge = |way: &Way| way.cost + offsets[way.from] - offsets[way.to];
        Charges {
            charges: self.ways.iter().map(charge).collect(),
            offsets,
        }
    }

    /// How often ways are taken when the function is called, by a guess.
    fn taken(&self, dying: &[usize]) -> Vec<f64> {
        let dies = self.dies(dying);
        let share = |way: usize| match dies[way] {
            true => self.ways[way].share * DYING,
            false => self.ways[way].share,
        };
        let mut shares = vec![0.0; self.places.len()];
        for (way, Way { from, .. }) in self.ways.iter().enumerate() {
            shares[*from] += share(way);
        }
        let mut reached = vec![0.0; self.places.len()];
        reached[SETTLED] = 1.0;
        let mut taken = Vec::with_capacity(self.ways.len());
        for (way, Way { from, to, .. }) in self.ways.iter().enumerate() {
            let times = (reached[*from] * share(way) / shares[*from]).min(MOST);
            taken.push(times);
            reached[*to] += match self.places[*to] {
                Kind::Head => times * TURNS,
                Kind::Plain | Kind::Settled => times,
            };
        }
        taken
    }

    /// Which ways come to nothing but traps.
    fn dies(&self, dying: &[usize]) -> Vec<bool> {
        let mut dies = vec![false; self.ways.len()];
        for way in dying {
            dies[*way] = true;
        }
        // Whether something that begins there lives; and where nothing begins, nothing is known.
        let mut lives = vec![None; self.places.len()];
        lives[SETTLED] = Some(true);
        for (way, Way { from, to, .. }) in self.ways.iter().enumerate().rev() {
            dies[way] |= lives[*to] == Some(false);
            let others = lives[*from].unwrap_or(false);
            lives[*from] = Some(others || !dies[way]);
        }
        dies
    }
}

/// Sets of places whose offsets differ by what is known.
struct Forest {
    parents: Vec<Place>,
    /// By how much the offset of a place is greater than that of its parent.
    beyond: Vec<i64>,
    sizes: Vec<u32>,
}

impl Forest {
    fn new(places: usize) -> Self {
        Self {
            parents: (0..places).collect(),
            beyond: vec![0; places],
            sizes: vec![1; places],
        }
    }

    /// The root of the set, and by how much the offset of the place is greater than the root's.
    fn find(&self, mut place: Place) -> (Place, i64) {
        let mut beyond = 0;
        while self.parents[place] != place {
            beyond += self.beyond[place];
            place = self.parents[place];
        }
        (place, beyond)
    }

    /// Makes the offset of `to` greater by `cost` than that of `from`, unless something else is said already.
    fn unite(&mut self, from: Place, to: Place, cost: i64) {
        let ((one, from), (other, to)) = (self.find(from), self.find(to));
        if one == other {
            return;
        }
        // The root of `to` beyond that of `from`.
        let beyond = from + cost - to;
        let (parent, child, beyond) = match self.sizes[one] >= self.sizes[other] {
            true => (one, other, beyond),
            false => (other, one, -beyond),
        };
        self.parents[child] = parent;
        self.beyond[child] = beyond;
        self.sizes[parent] += self.sizes[child];
    }
}

#[cfg(test)]
mod tests {
    use super::{Graph, SETTLED, Written};

    /// A loop with two arms in its turn: each way around has one charge, of all that it costs.
    #[test]
    fn a_turn_is_charged_once() {
        let mut graph = Graph::new();
        let (head, parting, joint) = (graph.head(), graph.place(), graph.place());
        let ways = [
            (SETTLED, head, 1, 1.0),
            (head, parting, 10, 1.0),
            (parting, joint, 100, 0.5),
            (parting, joint, 200, 0.5),
            (joint, head, 1000, 0.9),
            (joint, SETTLED, 5, 0.1),
        ];
        for (from, to, cost, share) in ways {
            let way = graph.begin(from, share, Written::Straight);
            graph.spend(way, cost);
            graph.end(way, to);
        }
        let solved = graph.solve(&[]);
        assert_eq!(solved.offsets[SETTLED], 0);
        assert_eq!(solved.charges, [0, 0, 1110, 1210, 0, -994]);
    }

    /// What leads to a trap is charged rather than what does not, and what cannot be written on never.
    #[test]
    fn rare_ways_are_charged() {
        let mut graph = Graph::new();
        let (parting, end) = (graph.place(), graph.place());
        let first = graph.begin(SETTLED, 1.0, Written::Straight);
        graph.spend(first, 3);
        graph.end(first, parting);
        let trap = graph.begin(parting, 0.9, Written::Straight);
        graph.spend(trap, 5);
        graph.end(trap, SETTLED);
        let on = graph.begin(parting, 0.1, Written::Never);
        graph.end(on, end);
        let last = graph.begin(end, 1.0, Written::Straight);
        graph.spend(last, 7);
        graph.end(last, SETTLED);
        let solved = graph.solve(&[trap]);
        assert_eq!(solved.charges[on], 0);
        assert_eq!(solved.charges[trap], 5 + solved.offsets[parting]);
        let charged = solved.charges.iter().filter(|charge| **charge != 0);
        assert_eq!(charged.count(), 2);
        assert_eq!(solved.charges[first] + solved.charges[last], 10);
    }
}
