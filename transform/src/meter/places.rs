//! Decides on which edges of a function's graph the counter is written.
//!
//! A node is where control flow splits or joins. An edge leads from one node to the next and has the price of the
//! code on it. The counter must be exact only at nodes where others see it ([`SETTLED`]). At any other node it may
//! differ from the fuel that is left, by an offset that depends on the node alone. The charge of an edge is its price,
//! plus the offset where it begins, minus the offset where it ends. Proof: whatever path led to the edge, this charge
//! changes the difference from the one offset to the other.
//!
//! So the offsets can be chosen such that no edge of a spanning tree has a charge; all other edges have one. The tree
//! takes the edges that are estimated to be executed most often, so the counter is written least often (Knuth; Ball and
//! Larus). Every cycle has at least one charged edge.
//!
//! It knows nothing of instructions. Invariants: the offset of a settled node is 0; an edge where nothing can be
//! written has no charge.

/// The index of a node.
pub(super) type Node = usize;

/// The node where the function is entered and left. The counter is exact there.
pub(super) const SETTLED: Node = 0;

/// The estimated number of iterations of a loop.
const TURNS: f64 = 8.0;
/// The factor for the share of an edge that leads only to traps.
const DYING: f64 = 1e-6;
/// The bound of estimates, so that they stay finite.
const MOST: f64 = 1e30;

/// How a charge is written on an edge, which decides how much the charge costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Written {
    /// At the beginning of the edge.
    Straight,
    /// At the beginning of the edge, where a check reads the counter anyway.
    Checked,
    /// At the beginning of the edge, at whose end a look reads the counter anyway.
    Looked,
    /// In a new block, because the edge has no code.
    Branching,
    /// Nowhere: nothing can be written on this edge.
    Never,
}

impl Written {
    fn weight(self, taken: f64) -> f64 {
        match self {
            Self::Straight => taken,
            Self::Checked | Self::Looked => taken * 0.75,
            Self::Branching => taken * 1.5,
            Self::Never => f64::INFINITY,
        }
    }
}

struct Edge {
    from: Node,
    to: Node,
    cost: i64,
    /// What is paid ahead on it for the callee where it ends.
    ahead: i64,
    /// The estimated share of the executions of `from` that take it.
    share: f64,
    written: Written,
}

/// The graph of a function. Edges are in the order of the code: apart from edges back to the head of a loop, every edge
/// into a node comes before the edges out of it.
pub(super) struct Graph {
    nodes: Vec<Kind>,
    edges: Vec<Edge>,
    /// Where the function is entered.
    pub(super) entry: Node,
    /// Where it returns.
    pub(super) exit: Node,
}

/// The offsets of a function where it is entered and where it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) entry: i64,
    pub(super) exit: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Head,
    /// A node with an exact counter, such as a call.
    Settled,
}

/// The solution.
pub(super) struct Charges {
    /// The charge of each edge.
    pub(super) charges: Vec<i64>,
    /// The least counter, after its charge, with which the fuel suffices for each edge.
    pub(super) least: Vec<i64>,
    /// The same before its charge.
    pub(super) least_before: Vec<i64>,
    pub(super) ends: Ends,
}

impl Graph {
    /// The graph of a function where the counter is exact where it is entered and returns.
    pub(super) fn exact() -> Self {
        Self {
            nodes: vec![Kind::Settled],
            edges: Vec::new(),
            entry: SETTLED,
            exit: SETTLED,
        }
    }

    /// The graph of a function whose callers will know its [`Ends`].
    pub(super) fn open() -> Self {
        Self {
            nodes: vec![Kind::Settled, Kind::Plain, Kind::Plain],
            entry: 1,
            exit: 2,
            ..Self::exact()
        }
    }

    pub(super) fn node(&mut self) -> Node {
        self.add(Kind::Plain)
    }

    /// The head of a loop.
    pub(super) fn head(&mut self) -> Node {
        self.add(Kind::Head)
    }

    /// A node where the counter is exact.
    pub(super) fn settled(&mut self) -> Node {
        self.add(Kind::Settled)
    }

    fn add(&mut self, kind: Kind) -> Node {
        self.nodes.push(kind);
        self.nodes.len() - 1
    }

    /// Demands that the counter is exact at a plain node.
    pub(super) fn settle(&mut self, node: Node) {
        self.nodes[node] = Kind::Settled;
    }

    /// Adds an edge. It ends where it begins until [`Graph::end`] sets its end.
    pub(super) fn begin(&mut self, from: Node, share: f64, written: Written) -> usize {
        self.edges.push(Edge {
            from,
            to: from,
            cost: 0,
            ahead: 0,
            share,
            written,
        });
        self.edges.len() - 1
    }

    pub(super) fn end(&mut self, edge: usize, to: Node) {
        self.edges[edge].to = to;
    }

    pub(super) fn spend(&mut self, edge: usize, cost: i64) {
        self.edges[edge].cost += cost;
    }

    pub(super) fn cost(&self, edge: usize) -> i64 {
        self.edges[edge].cost
    }

    /// Pays ahead for the callee where an edge ends.
    pub(super) fn spend_ahead(&mut self, edge: usize, cost: i64) {
        self.edges[edge].ahead += cost;
    }

    /// Puts a check on an edge.
    pub(super) fn check(&mut self, edge: usize) {
        self.edges[edge].written = Written::Checked;
    }

    /// Says that there is a look at the end of an edge.
    pub(super) fn look(&mut self, edge: usize) {
        if self.edges[edge].written == Written::Straight {
            self.edges[edge].written = Written::Looked;
        }
    }

    /// Whether the counter is read on an edge, by a check or a look.
    pub(super) fn is_read(&self, edge: usize) -> bool {
        matches!(self.edges[edge].written, Written::Checked | Written::Looked)
    }

    pub(super) fn is_checked(&self, edge: usize) -> bool {
        self.edges[edge].written == Written::Checked
    }

    /// Computes charges and offsets. `dying` are the edges that end in a trap, in order.
    pub(super) fn solve(&self, dying: &[usize]) -> Charges {
        let taken = self.taken(dying);
        let weight = |edge: usize| self.edges[edge].written.weight(taken[edge]);
        let mut order: Vec<usize> = (0..self.edges.len()).collect();
        order.sort_by(|one, other| weight(*other).total_cmp(&weight(*one)));
        let mut forest = Forest::new(self.nodes.len());
        let settled = (0..self.nodes.len()).filter(|node| self.nodes[*node] == Kind::Settled);
        for node in settled {
            forest.unite(SETTLED, node, 0);
        }
        for edge in order {
            let Edge {
                from,
                to,
                cost,
                ahead,
                ..
            } = self.edges[edge];
            forest.unite(from, to, cost + ahead);
        }
        // Where nothing has to be exact, it is when the function returns.
        forest.unite(SETTLED, self.exit, 0);
        forest.unite(SETTLED, self.entry, 0);
        let (_, settled) = forest.find(SETTLED);
        let offsets = (0..self.nodes.len()).map(|node| forest.find(node).1 - settled);
        let offsets: Vec<i64> = offsets.collect();
        let charge = |edge: &Edge| edge.cost + edge.ahead + offsets[edge.from] - offsets[edge.to];
        let charges = self.edges.iter().map(charge).collect();
        // The callee is not executed yet.
        let least = |edge: &Edge| offsets[edge.to] - edge.ahead;
        let least = self.edges.iter().map(least).collect();
        let before = |edge: &Edge| offsets[edge.from] + edge.cost;
        Charges {
            charges,
            least,
            least_before: self.edges.iter().map(before).collect(),
            ends: Ends {
                entry: offsets[self.entry],
                exit: offsets[self.exit],
            },
        }
    }

    /// The estimated number of executions of each edge in a call of the function.
    fn taken(&self, dying: &[usize]) -> Vec<f64> {
        let dies = self.dies(dying);
        let share = |edge: usize| match dies[edge] {
            true => self.edges[edge].share * DYING,
            false => self.edges[edge].share,
        };
        let mut shares = vec![0.0; self.nodes.len()];
        for (edge, Edge { from, .. }) in self.edges.iter().enumerate() {
            shares[*from] += share(edge);
        }
        let mut reached = vec![0.0; self.nodes.len()];
        reached[self.entry] = 1.0;
        let mut taken = Vec::with_capacity(self.edges.len());
        for (edge, Edge { from, to, .. }) in self.edges.iter().enumerate() {
            let times = (reached[*from] * share(edge) / shares[*from]).min(MOST);
            taken.push(times);
            reached[*to] += match self.nodes[*to] {
                Kind::Head => times * TURNS,
                Kind::Plain | Kind::Settled => times,
            };
        }
        taken
    }

    /// Which edges lead only to traps.
    fn dies(&self, dying: &[usize]) -> Vec<bool> {
        let mut dies = vec![false; self.edges.len()];
        for edge in dying {
            dies[*edge] = true;
        }
        // Whether a node has an edge that does not lead only to traps; `None` if it has no edge.
        let mut lives = vec![None; self.nodes.len()];
        lives[SETTLED] = Some(true);
        lives[self.exit] = Some(true);
        for (edge, Edge { from, to, .. }) in self.edges.iter().enumerate().rev() {
            dies[edge] |= lives[*to] == Some(false);
            let others = lives[*from].unwrap_or(false);
            lives[*from] = Some(others || !dies[edge]);
        }
        dies
    }
}

/// Sets of nodes whose offsets have a known difference.
struct Forest {
    parents: Vec<Node>,
    /// The offset of each node minus that of its parent.
    beyond: Vec<i64>,
    sizes: Vec<u32>,
}

impl Forest {
    fn new(nodes: usize) -> Self {
        Self {
            parents: (0..nodes).collect(),
            beyond: vec![0; nodes],
            sizes: vec![1; nodes],
        }
    }

    /// The root of the set, and the offset of the node minus that of the root.
    fn find(&self, mut node: Node) -> (Node, i64) {
        let mut beyond = 0;
        while self.parents[node] != node {
            beyond += self.beyond[node];
            node = self.parents[node];
        }
        (node, beyond)
    }

    /// Sets the offset of `to` to that of `from` plus `cost`, unless their difference is known already.
    fn unite(&mut self, from: Node, to: Node, cost: i64) {
        let ((one, from), (other, to)) = (self.find(from), self.find(to));
        if one == other {
            return;
        }
        // The offset of the root of `to` minus that of the root of `from`.
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
    use super::{Ends, Graph, SETTLED, Written};

    /// A loop with two arms: each cycle has one charge, the whole price of an iteration.
    #[test]
    fn a_turn_is_charged_once() {
        let mut graph = Graph::exact();
        let (head, parting, joint) = (graph.head(), graph.node(), graph.node());
        let edges = [
            (SETTLED, head, 1, 1.0),
            (head, parting, 10, 1.0),
            (parting, joint, 100, 0.5),
            (parting, joint, 200, 0.5),
            (joint, head, 1000, 0.9),
            (joint, SETTLED, 5, 0.1),
        ];
        for (from, to, cost, share) in edges {
            let edge = graph.begin(from, share, Written::Straight);
            graph.spend(edge, cost);
            graph.end(edge, to);
        }
        let solved = graph.solve(&[]);
        assert_eq!(solved.charges, [0, 0, 1110, 1210, 0, -994]);
    }

    /// An edge to a trap is charged rather than others, and an edge where nothing can be written never.
    #[test]
    fn rare_ways_are_charged() {
        let mut graph = Graph::exact();
        let (parting, end) = (graph.node(), graph.node());
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
        assert_eq!(solved.charges[trap], solved.least_before[trap]);
        let charged = solved.charges.iter().filter(|charge| **charge != 0);
        assert_eq!(charged.count(), 2);
        assert_eq!(solved.charges[first] + solved.charges[last], 10);
    }

    /// A function that only known callers call writes nothing on its usual way: they pay it with their own code. The
    /// call is paid before it, and not needed for the code before it.
    #[test]
    fn callers_pay() {
        let mut callee = Graph::open();
        let all = callee.begin(callee.entry, 1.0, Written::Straight);
        callee.spend(all, 7);
        callee.end(all, callee.exit);
        let solved = callee.solve(&[]);
        assert_eq!(solved.charges, [0]);
        assert_eq!(solved.ends, Ends { entry: -7, exit: 0 });

        let mut caller = Graph::exact();
        let call = caller.settled();
        let before = caller.begin(caller.entry, 1.0, Written::Straight);
        caller.spend(before, 3);
        caller.spend_ahead(before, 7);
        caller.end(before, call);
        let solved = caller.solve(&[]);
        assert_eq!(solved.charges, [10]);
        assert_eq!(solved.least, [-7]);
        assert_eq!(solved.ends, Ends::default());
    }

    /// Where the counter is exact on the way, callers pay what comes before and behind.
    #[test]
    fn ends_may_differ() {
        let mut graph = Graph::open();
        let call = graph.settled();
        let before = graph.begin(graph.entry, 1.0, Written::Straight);
        graph.spend(before, 3);
        graph.end(before, call);
        let behind = graph.begin(call, 1.0, Written::Straight);
        graph.spend(behind, 5);
        graph.end(behind, graph.exit);
        let solved = graph.solve(&[]);
        assert_eq!(solved.charges, [0, 0]);
        assert_eq!(solved.ends, Ends { entry: -3, exit: 5 });
    }
}
