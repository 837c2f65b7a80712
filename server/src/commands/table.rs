//! Tables that fit the terminal: where there is not enough room, whole columns are left out, the dispensable ones first, and none
//! is broken or cut.

/// Between two columns.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) head: &'static str,
    /// How wide it is at least.
    pub(super) width: usize,
    /// Whether its cells end where the others' do: numbers.
    pub(super) right: bool,
    /// The higher, the sooner it is left out. 0 is never.
    pub(super) rank: u8,
}

/// The columns for which there is room.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<(usize, Column)>,
}

impl Table {
    /// Of these columns, in so much room.
    pub(super) fn new(columns: &[Column], room: usize) -> Self {
        let mut kept: Vec<(usize, Column)> = columns.iter().copied().enumerate().collect();
        while width(&kept) > room {
            let dispensable = kept.iter().enumerate().filter(|(_, (_, column))| column.rank > 0);
            let Some((place, _)) = dispensable.max_by_key(|(_, (_, column))| column.rank) else { break };
            kept.remove(place);
        }
        Self { columns: kept }
    }

    /// The line above the others.
    pub(super) fn heading(&self) -> String {
        self.line(|column, _| column.head.to_owned())
    }

    /// A line. `cells` are for all columns, whether there is room for them or not.
    pub(super) fn row(&self, cells: &[String]) -> String {
        self.line(|_, place| cells.get(place).cloned().unwrap_or_default())
    }

    fn line(&self, cell: impl Fn(&Column, usize) -> String) -> String {
        let mut line = String::new();
        for (n, (place, column)) in self.columns.iter().enumerate() {
            let (text, width) = (cell(column, *place), column.width);
            if n > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            line.push_str(&if column.right { format!("{text:>width$}") } else { format!("{text:<width$}") });
        }
        line.truncate(line.trim_end().len());
        line
    }
}

fn width(columns: &[(usize, Column)]) -> usize {
    columns.iter().map(|(_, column)| column.width + GAP).sum::<usize>().saturating_sub(GAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { head: "NAME", width: 6, right: false, rank: 0 },
        Column { head: "NOTE", width: 5, right: false, rank: 2 },
        Column { head: "SIZE", width: 6, right: true, rank: 1 },
    ];

    fn table(room: usize) -> [String; 2] {
        let table = Table::new(&COLUMNS, room);
        [table.heading(), table.row(&["ada", "x", "1.0 kB"].map(str::to_owned))]
    }

    #[test]
    fn whole_columns_are_left_out_the_dispensable_ones_first() {
        assert_eq!(table(21), ["NAME    NOTE     SIZE", "ada     x      1.0 kB"]);
        assert_eq!(table(20), ["NAME      SIZE", "ada     1.0 kB"]);
        assert_eq!(table(13), ["NAME", "ada"]);
        assert_eq!(table(1), ["NAME", "ada"], "what is never left out");
    }
}
