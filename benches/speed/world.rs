//! Made-up organisations of any size, the same in every run.

/// How large an organisation is. Group 0 is the largest; the others share the rest evenly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) people: u32,
    pub(crate) groups: u32,
    pub(crate) memberships: u32,
    pub(crate) largest: u32,
}

impl Shape {
    /// The organisation that most goals are about.
    pub(crate) const USUAL: Self = Self { people: 100_000, groups: 2_000, memberships: 250_000, largest: 50_000 };

    /// Members of a group, sorted, each once. They are spread over all people.
    pub(crate) fn members(self, group: u32) -> Vec<u32> {
        // Neither 2 nor 5 divides a prime beyond them, so the steps meet everybody before they repeat.
        const STEPS: [u64; 4] = [7_919, 104_729, 611_953, 999_983];
        let people = u64::from(self.people);
        let step = STEPS[group as usize % STEPS.len()];
        let start = u64::from(group) * 15_485_863;
        let mut members: Vec<u32> =
            (0..u64::from(self.count(group))).map(|at| ((start + at * step) % people) as u32).collect();
        members.sort_unstable();
        members
    }

    /// How many members a group has.
    pub(crate) fn count(self, group: u32) -> u32 {
        if group == 0 {
            return self.largest;
        }
        let (others, rest) = (self.groups - 1, self.memberships - self.largest);
        rest / others + u32::from(group - 1 < rest % others)
    }
}

/// A person's address.
pub(crate) fn address(person: u32) -> String {
    format!("person.{person}@corp.example")
}

/// A group's name, in the directory and in Hyperproof.
pub(crate) fn group_name(group: u32) -> String {
    format!("group-{group:05}")
}

/// The id of a person's account: sorted by it, accounts stand in another order than people.
pub(crate) fn account_id(person: u32) -> String {
    let mixed = person.wrapping_mul(2_654_435_761);
    format!("{mixed:08x}-0000-4000-8000-{person:012x}")
}

/// The id of a group in Hyperproof.
pub(crate) fn group_id(group: u32) -> String {
    let mixed = group.wrapping_mul(2_654_435_761);
    format!("{mixed:08x}-0000-4000-9000-{group:012x}")
}
