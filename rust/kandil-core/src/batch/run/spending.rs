//! Money, in picodollars: what was spent, and what the rows under way may cost at most.

pub(super) struct Spending {
    budget: Option<u64>,
    spent: u64,
    reserved: u64,
}

impl Spending {
    pub(super) fn new(budget: Option<u64>, spent: u64) -> Spending {
        Spending { budget, spent, reserved: 0 }
    }

    /// Whether a row that costs so much at worst leaves the budget whole, whatever the others cost.
    pub(super) fn fits(&self, worst: u64) -> bool {
        let needed = self.spent.saturating_add(self.reserved).saturating_add(worst);
        self.budget.is_none_or(|budget| needed <= budget)
    }

    pub(super) fn reserve(&mut self, worst: u64) {
        self.reserved = self.reserved.saturating_add(worst);
    }

    /// It cost nothing.
    pub(super) fn release(&mut self, worst: u64) {
        self.reserved = self.reserved.saturating_sub(worst);
    }

    /// It cost so much.
    pub(super) fn settle(&mut self, worst: u64, cost: u64) {
        self.release(worst);
        self.spent = self.spent.saturating_add(cost);
    }

    pub(super) fn spent(&self) -> u64 {
        self.spent
    }
}
