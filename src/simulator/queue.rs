//! The faults that were ordered and have not run out.

use serde::Serialize;

use super::{
    call::Call,
    fault::{Fault, FaultKind},
};

/// One order, and how far it has got.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) fault: Fault,
    /// How many matching calls it has seen.
    pub(super) seen: u32,
}

/// All orders, first come first served.
#[derive(Debug, Default)]
pub(super) struct Queue {
    orders: Vec<Order>,
    last: u64,
}

impl Queue {
    /// Takes an order and returns its number.
    pub(super) fn push(&mut self, fault: Fault) -> u64 {
        self.last += 1;
        self.orders.push(Order { id: self.last, fault, seen: 0 });
        self.last
    }

    /// Drops one order; false if there is none of that number.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.orders.len();
        self.orders.retain(|order| order.id != id);
        self.orders.len() < before
    }

    /// Drops all orders.
    pub(super) fn clear(&mut self) {
        self.orders.clear();
    }

    /// The orders that are left.
    pub(super) fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// Shows a call to every order and returns what strikes it, if anything.
    pub(super) fn strike(&mut self, call: &Call) -> Option<FaultKind> {
        let mut struck = None;
        for order in &mut self.orders {
            if !order.fault.is_about(call) {
                continue;
            }
            order.seen = order.seen.saturating_add(1);
            let due = order.seen > order.fault.when.skip && order.fault.times != Some(0);
            if due && struck.is_none() {
                struck = Some(order.fault.kind.clone());
                order.fault.times = order.fault.times.map(|left| left.saturating_sub(1));
            }
        }
        self.orders.retain(|order| order.fault.times != Some(0));
        struck
    }
}
