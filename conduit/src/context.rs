//! What a borrowed parameter can borrow: the call, and whatever lends things to it.

use std::{
    any::{Any, TypeId},
    borrow::Cow,
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering, fence},
    },
    time::Instant,
};

use tokio_util::sync::CancellationToken;

use crate::{order::Head, protocol::Id};

/// A type that a method may borrow as state: anything a server can share between calls.
///
/// It is implemented for every such type; `Mutex`, `RwLock` or a pool inside it make it changeable.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be borrowed from the server",
    label = "not a type that calls on several threads can share",
    note = "a borrowed parameter is lent by the server: `&Connection`, `&Server`, `&Call`, or state given with `.state(..)`",
    note = "state must be `Send + Sync + 'static`; an argument of the caller is taken by value"
)]
pub trait State: Any + Send + Sync {}

impl<T: Any + Send + Sync> State for T {}

/// Where a call borrows from. The connection implements it, so that methods know no connection.
pub(crate) trait Lend: Send + Sync {
    /// The value of the type with this id, if there is one.
    fn lend(&self, wanted: TypeId) -> Option<&(dyn Any + Send + Sync)>;
}

/// The call that a method is serving; a cheap handle.
///
/// Borrow it as `&Call` to learn the id, the deadline, and whether the caller still waits.
///
/// ```
/// use conduit::{Call, rpc};
///
/// /// Sum numbers until somebody says stop.
/// #[rpc]
/// fn sum(call: &Call, upto: u64) -> u64 {
///     (0..upto).take_while(|_| !call.is_cancelled()).sum()
/// }
/// ```
#[derive(Clone)]
pub struct Call(Arc<Inner>);

struct Inner {
    id: Option<Id>,
    method: Cow<'static, str>,
    deadline: Option<Instant>,
    cancelled: AtomicBool,
    /// Made when somebody asks for it: most calls end at their first poll, and nobody does.
    cancellation: OnceLock<CancellationToken>,
    lender: Arc<dyn Lend>,
    /// The head of its line, once it is there; of an ordered method alone.
    head: OnceLock<Weak<Head>>,
}

impl Call {
    pub(crate) fn new(
        id: Option<Id>,
        method: Cow<'static, str>,
        deadline: Option<Instant>,
        lender: Arc<dyn Lend>,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            method,
            deadline,
            cancelled: AtomicBool::new(false),
            cancellation: OnceLock::new(),
            lender,
            head: OnceLock::new(),
        }))
    }

    /// The id of the request; `None` for a notification, whose result nobody reads.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.0.id.as_ref()
    }

    /// The name of the method, or of the event.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// When the call is given up, if it has a time limit: that of the method, or of the server, or the caller's where
    /// the caller waits for less and says so.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Whether the caller has taken the call back, has gone, or the deadline has passed.
    ///
    /// An async method is dropped at its next `.await` then and need not ask. A sync one runs on, so a long
    /// loop should ask now and then.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Fires when [`is_cancelled`](Self::is_cancelled) becomes true; for tasks that the method starts.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        let token = self.0.cancellation.get_or_init(CancellationToken::new);
        // The other side sets the flag and looks for a token; this one makes a token and looks at the flag. With the
        // fences, at least one of them sees what the other did.
        fence(Ordering::SeqCst);
        if self.is_cancelled() {
            token.cancel();
        }
        token.clone()
    }

    pub(crate) fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        if let Some(token) = self.0.cancellation.get() {
            token.cancel();
        }
    }

    /// Notes that the call is the first of its line.
    pub(crate) fn lead(&self, head: Weak<Head>) {
        // A call comes to its turn once.
        let _ = self.0.head.set(head);
    }

    /// What keeps the next of its line waiting for as long as it is held.
    pub(crate) fn head(&self) -> Option<Arc<Head>> {
        self.0.head.get()?.upgrade()
    }

    /// The value that a borrowed parameter of type `T` stands for.
    pub(crate) fn borrow<T: State>(&self) -> &T {
        let wanted = TypeId::of::<T>();
        let lent: &(dyn Any + Send + Sync) = if wanted == TypeId::of::<Self>() {
            self
        } else {
            self.0.lender.lend(wanted).expect("a server does not build without a state that a method borrows")
        };
        lent.downcast_ref().expect("a lender answers with a value of the type it was asked for")
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.0.method)
            .field("id", &self.0.id)
            .field("deadline", &self.0.deadline)
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
