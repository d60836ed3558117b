//! The six lifetime classes. All that is per class is data in an array indexed by `Class`.

/// A lifetime: what its blocks belong to, and therefore when they end.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Ends when the reply is written.
    Request = 0,
    /// Ends when the last byte is written.
    Response = 1,
    /// Ends at eviction or purge.
    Cache = 2,
    /// Ends when a mount or an instance goes.
    Static = 3,
    /// Ends with its task.
    Task = 4,
    /// Everything else: ends when its owner is destroyed.
    General = 5,
}

impl Class {
    /// How many classes there are.
    pub const COUNT: usize = 6;

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Request,
        Self::Response,
        Self::Cache,
        Self::Static,
        Self::Task,
        Self::General,
    ];

    /// The class numbered `index`.
    #[inline]
    pub const fn from_index(index: usize) -> Option<Self> {
        match index {
            0 => Some(Self::Request),
            1 => Some(Self::Response),
            2 => Some(Self::Cache),
            3 => Some(Self::Static),
            4 => Some(Self::Task),
            5 => Some(Self::General),
            _ => None,
        }
    }

    /// Its number, always below [`Class::COUNT`].
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word that names it in reports, statistics and arena names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Cache => "cache",
            Self::Static => "static",
            Self::Task => "task",
            Self::General => "general",
        }
    }
}

/// One `T` for each class.
#[derive(Debug)]
pub struct PerClass<T>([T; Class::COUNT]);

impl<T> PerClass<T> {
    /// Wraps values that are in the order of [`Class::ALL`].
    pub const fn new(values: [T; Class::COUNT]) -> Self {
        Self(values)
    }

    /// The value of `class`.
    #[inline]
    pub const fn get(&self, class: Class) -> &T {
        match class {
            Class::Request => &self.0[0],
            Class::Response => &self.0[1],
            Class::Cache => &self.0[2],
            Class::Static => &self.0[3],
            Class::Task => &self.0[4],
            Class::General => &self.0[5],
        }
    }

    /// Each class with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Class, &T)> {
        Class::ALL.into_iter().zip(self.0.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_classes_agree() {
        for (number, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), number);
            assert_eq!(Class::from_index(number), Some(class));
        }
        assert_eq!(Class::from_index(Class::COUNT), None);
    }

    #[test]
    fn each_class_has_its_own_value() {
        let values = PerClass::new([10, 11, 12, 13, 14, 15]);
        for (class, value) in values.iter() {
            assert_eq!(*value, class.index() + 10);
            assert_eq!(values.get(class), value);
        }
    }
}
