//! Tokens, admitted peers, the audit and the key of the digests: `secrets.db`, which no query of a user ever opens.
//!
//! Several processes may use it at once (the running collector, and `token create` beside it).

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr, SqlitePool};
use tracing::warn;
use traf_model::Timestamp;
use traf_peer::Role;
use traf_peer::token::Token;

use crate::authority::AuthorityError;
use crate::clock;
use crate::folder::{Folder, FolderError, touch_secret};

/// Versions of the schema, in order.
const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "secrets", include_str!("../../migrations/secrets/0001_secrets.sql")),
    (2, "digest key", include_str!("../../migrations/secrets/0002_digest_key.sql")),
];

/// The file of secrets, open.
#[derive(Clone, Debug)]
pub(crate) struct Secrets(SqlitePool);

/// Errors of the file of tokens and peers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsError {
    /// The disk said no.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// SQLite said no.
    #[error("secrets.db: {0}")]
    Sqlite(#[from] sqlx::Error),
    /// Made by another version.
    #[error("secrets.db cannot be brought up to date: {0}; was it made by a newer version?")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// No certificate could be made for who joins.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Changed by hand.
    #[error("secrets.db holds a record that means nothing: {0}")]
    Damaged(String),
}

/// A token as lists show it.
#[derive(Clone, Debug)]
pub(crate) struct TokenRecord {
    /// Identifier shown in lists.
    pub id: String,
    /// Role of whoever joins with it.
    pub role: Role,
    /// Time of its creation.
    pub created: Timestamp,
    /// From when on it is void.
    pub expires: Timestamp,
    /// Number of machines that may still join.
    pub uses_left: i64,
    /// Time of its revocation.
    pub revoked: Option<Timestamp>,
}

/// An admitted peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// SHA-256 of its public key.
    pub key: [u8; 32],
    /// The certificate's identifier.
    pub id: String,
    /// Role.
    pub role: Role,
    /// Unique among all.
    pub name: String,
    /// Time of joining.
    pub admitted: Timestamp,
    /// Time of its revocation.
    pub revoked: Option<Timestamp>,
}

/// The key with which all sensors digest packets. It is shown nowhere.
pub(crate) struct DigestKey {
    /// Its octets.
    pub(crate) octets: Vec<u8>,
    /// The first is 1.
    pub(crate) generation: u32,
}

impl DigestKey {
    /// Octets of a key.
    const OCTETS: usize = 48;
}

/// Outcome of a request to join.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Come in: the name given and the certificate (DER).
    Admitted(String, Vec<u8>),
    /// The words are for the audit; the asker only hears that the token is not good.
    Refused(&'static str),
}

/// A request to join.
pub(crate) struct Applicant<'a> {
    /// SHA-256 of the public key.
    pub(crate) key: [u8; 32],
    /// The name it would like.
    pub(crate) name: &'a str,
    /// Identifier that it will have, if it is new.
    pub(crate) id: String,
}

impl Secrets {
    /// Opens the file, made and brought up to date where needed.
    pub(crate) async fn open(folder: &Folder) -> Result<Self, SecretsError> {
        let path = folder.secrets();
        touch_secret(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let migrations = MIGRATIONS.map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.to_vec()).run(&pool).await?;
        // Of several programs that open a new file at once the first gives the key.
        let first = "insert into digest_key (generation, key) select 1, ? where not exists (select 1 from digest_key)";
        sqlx::query(first).bind(&rand::random::<[u8; DigestKey::OCTETS]>()[..]).execute(&pool).await?;
        Ok(Self(pool))
    }

    /// The key of the digests: of the latest generation.
    pub(crate) async fn digest_key(&self) -> Result<DigestKey, SecretsError> {
        let sql = "select generation, key from digest_key order by generation desc limit 1";
        let (generation, octets): (i64, Vec<u8>) = sqlx::query_as(sql).fetch_one(&self.0).await?;
        match u32::try_from(generation) {
            Ok(generation) if generation > 0 && octets.len() == DigestKey::OCTETS => {
                Ok(DigestKey { octets, generation })
            }
            _ => Err(SecretsError::Damaged("a digest key of a wrong length or generation".to_owned())),
        }
    }

    /// Keeps a new token: the hash of its secret only.
    pub(crate) async fn add_token(
        &self,
        token: &Token,
        role: Role,
        (created, expires): (Timestamp, Timestamp),
        uses: u32,
    ) -> Result<(), SecretsError> {
        sqlx::query("insert into token (id, secret, role, created, expires, uses_left) values (?, ?, ?, ?, ?, ?)")
            .bind(&token.id[..])
            .bind(&token.secret_hash()[..])
            .bind(role.name())
            .bind(created.seconds())
            .bind(expires.seconds())
            .bind(i64::from(uses))
            .execute(&self.0)
            .await?;
        Ok(())
    }

    /// All tokens, newest first.
    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRecord>, SecretsError> {
        let sql = "select id, role, created, expires, uses_left, revoked from token order by created desc";
        let rows: Vec<_> = sqlx::query_as(sql).fetch_all(&self.0).await?;
        let token =
            |(id, named, created, expires, uses_left, revoked): (Vec<u8>, String, i64, i64, i64, Option<i64>)| {
                Ok(TokenRecord {
                    id: Token::id_text(&id),
                    role: role(&named)?,
                    created: Timestamp::from_seconds(created),
                    expires: Timestamp::from_seconds(expires),
                    uses_left,
                    revoked: revoked.map(Timestamp::from_seconds),
                })
            };
        rows.into_iter().map(token).collect()
    }

    /// Takes a token back; false when there is none of this name.
    pub(crate) async fn revoke_token(&self, id: &str, now: Timestamp) -> Result<bool, SecretsError> {
        let ids: Vec<Vec<u8>> = sqlx::query_scalar("select id from token").fetch_all(&self.0).await?;
        let Some(octets) = ids.into_iter().find(|octets| Token::id_text(octets) == id) else { return Ok(false) };
        let revoke = sqlx::query("update token set revoked = coalesce(revoked, ?) where id = ?");
        revoke.bind(now.seconds()).bind(octets).execute(&self.0).await?;
        Ok(true)
    }

    /// Lets a key in by a token: one use less and a record more in one transaction. The same key with the same token gets
    /// the same answer and costs nothing, because a reply may get lost.
    pub(crate) async fn admit(
        &self,
        token: &Token,
        applicant: &Applicant<'_>,
        now: Timestamp,
        sign: impl FnOnce(Role) -> Result<Vec<u8>, AuthorityError>,
    ) -> Result<Admission, SecretsError> {
        let mut transaction = self.0.begin_with("begin immediate").await?;
        let known = "select secret, role, expires, uses_left, revoked from token where id = ?";
        let known = sqlx::query_as::<_, (Vec<u8>, String, i64, i64, Option<i64>)>(known)
            .bind(&token.id[..])
            .fetch_optional(&mut *transaction)
            .await?;
        // An unknown token is compared too, so that the answer takes the same time.
        let equal = same(known.as_ref().map_or(&[0; 32], |(secret, ..)| &secret[..]), &token.secret_hash());
        let Some((_, named, expires, uses_left, revoked)) = known.filter(|_| equal) else {
            return Ok(Admission::Refused("unknown token or wrong secret"));
        };
        let before = "select name, certificate, token, revoked from peer where key = ?";
        let before = sqlx::query_as::<_, (String, Vec<u8>, Vec<u8>, Option<i64>)>(before)
            .bind(&applicant.key[..])
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some((name, certificate, by, gone)) = before {
            return Ok(match (by == token.id, gone) {
                (true, None) => Admission::Admitted(name, certificate),
                (_, Some(_)) => Admission::Refused("this key was revoked"),
                (false, None) => Admission::Refused("this key has joined before, with another token"),
            });
        }
        let reasons = [
            (revoked.is_some(), "the token was revoked"),
            (expires <= now.seconds(), "the token has expired"),
            (uses_left <= 0, "the token is used up"),
        ];
        if let Some((_, reason)) = reasons.into_iter().find(|(holds, _)| *holds) {
            return Ok(Admission::Refused(reason));
        }
        let role = role(&named)?;
        let certificate = sign(role)?;
        let name = free_name(&mut transaction, applicant.name).await?;
        let used = sqlx::query("update token set uses_left = uses_left - 1 where id = ?").bind(&token.id[..]);
        used.execute(&mut *transaction).await?;
        sqlx::query(
            "insert into peer (key, id, role, name, admitted, token, certificate) values (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&applicant.key[..])
        .bind(&applicant.id)
        .bind(role.name())
        .bind(&name)
        .bind(now.seconds())
        .bind(&token.id[..])
        .bind(&certificate)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Admission::Admitted(name, certificate))
    }

    /// All peers, by name.
    pub(crate) async fn peers(&self) -> Result<Vec<Peer>, SecretsError> {
        let sql = "select key, id, role, name, admitted, revoked from peer order by name";
        let rows: Vec<PeerRow> = sqlx::query_as(sql).fetch_all(&self.0).await?;
        rows.into_iter().map(peer).collect()
    }

    /// Shuts a peer out, by name or identifier; gives its record, or nothing when there is none.
    pub(crate) async fn revoke_peer(&self, name: &str, now: Timestamp) -> Result<Option<Peer>, SecretsError> {
        let sql = "update peer set revoked = coalesce(revoked, ?1) where name = ?2 or id = ?2 \
             returning key, id, role, name, admitted, revoked";
        let row = sqlx::query_as(sql).bind(now.seconds()).bind(name).fetch_optional(&self.0).await?;
        row.map(peer).transpose()
    }

    /// Writes down who did what; the newest hundred thousand lines are kept.
    pub(crate) async fn audit(&self, now: Timestamp, who: &str, what: &str) -> Result<(), SecretsError> {
        let insert = sqlx::query("insert into audit (at, who, what) values (?, ?, ?)");
        insert.bind(now.seconds()).bind(who).bind(what).execute(&self.0).await?;
        sqlx::query("delete from audit where id <= (select max(id) from audit) - 100000").execute(&self.0).await?;
        Ok(())
    }

    /// Writes down who did what; if that fails, it is a line in the log, since the thing is done.
    pub(crate) async fn note(&self, who: &str, what: &str) {
        if let Err(error) = self.audit(clock::now(), who, what).await {
            warn!("the audit cannot be written: {error}");
        }
    }

    /// Closes the file.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

/// The name, or with `-2`, `-3` ... where it is taken.
async fn free_name(connection: &mut sqlx::SqliteConnection, wanted: &str) -> Result<String, SecretsError> {
    let base = plain_name(wanted);
    for number in 1u32.. {
        let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        let taken =
            sqlx::query("select 1 from peer where name = ?").bind(&name).fetch_optional(&mut *connection).await?;
        if taken.is_none() {
            return Ok(name);
        }
    }
    Err(SecretsError::Damaged("every name is taken".to_owned()))
}

/// The rest of a host name in which only letters, digits, `.`, `-` and `_` may stand in it: it must fit into a filter.
fn plain_name(wanted: &str) -> String {
    let name: String = wanted
        .chars()
        .take(64)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let name = name.trim_matches(['-', '.', '_']);
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// True if two strings of octets are the same, in a time that does not tell where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0u8, |sum, (x, y)| sum | (x ^ y));
    a.len() == b.len() && std::hint::black_box(differing) == 0
}

fn role(text: &str) -> Result<Role, SecretsError> {
    text.parse().map_err(|error: traf_peer::identity::IdentityError| SecretsError::Damaged(error.to_string()))
}

/// Key, identifier, role, name, admitted, revoked.
type PeerRow = (Vec<u8>, String, String, String, i64, Option<i64>);

fn peer((key, id, named, name, admitted, revoked): PeerRow) -> Result<Peer, SecretsError> {
    Ok(Peer {
        key: key.try_into().map_err(|_| SecretsError::Damaged("a key hash of a wrong length".to_owned()))?,
        id,
        role: role(&named)?,
        name,
        admitted: Timestamp::from_seconds(admitted),
        revoked: revoked.map(Timestamp::from_seconds),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

    async fn secrets(dir: &tempfile::TempDir) -> Secrets {
        Secrets::open(&Folder::open(dir.path()).unwrap()).await.unwrap()
    }

    async fn join(secrets: &Secrets, token: &Token, key: u8, now: Timestamp) -> Admission {
        let applicant = Applicant { key: [key; 32], name: "Web 1", id: format!("id{key}") };
        secrets.admit(token, &applicant, now, |_| Ok(vec![key])).await.unwrap()
    }

    #[tokio::test]
    async fn a_token_lets_in_as_many_as_it_says_and_a_lost_reply_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = secrets(&dir).await;
        let token = Token { pin: [0; 32], id: [1; 6], secret: [2; 20] };
        let until = NOW.after(Duration::from_secs(60));
        secrets.add_token(&token, Role::Sensor, (NOW, until), 2).await.unwrap();

        for (key, name) in [(1, "web-1"), (1, "web-1"), (2, "web-1-2")] {
            let Admission::Admitted(given, certificate) = join(&secrets, &token, key, NOW).await else {
                panic!("{key}")
            };
            assert_eq!((given.as_str(), certificate), (name, vec![key]));
        }
        assert!(matches!(join(&secrets, &token, 3, NOW).await, Admission::Refused("the token is used up")));
        assert_eq!(secrets.tokens().await.unwrap()[0].uses_left, 0);
    }

    #[tokio::test]
    async fn wrong_late_and_revoked_tokens_let_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = secrets(&dir).await;
        let token = Token { pin: [0; 32], id: [1; 6], secret: [2; 20] };
        let until = NOW.after(Duration::from_secs(60));
        secrets.add_token(&token, Role::Viewer, (NOW, until), 9).await.unwrap();

        let wrong = Token { secret: [3; 20], ..token.clone() };
        assert!(matches!(join(&secrets, &wrong, 1, NOW).await, Admission::Refused(_)));
        assert!(matches!(join(&secrets, &token, 1, until).await, Admission::Refused("the token has expired")));
        assert!(matches!(join(&secrets, &token, 1, NOW).await, Admission::Admitted(..)));
        secrets.revoke_peer("web-1", NOW).await.unwrap().unwrap();
        assert!(matches!(join(&secrets, &token, 1, NOW).await, Admission::Refused("this key was revoked")));
        assert!(secrets.revoke_token(&Token::id_text(&token.id), NOW).await.unwrap());
        assert!(matches!(join(&secrets, &token, 2, NOW).await, Admission::Refused("the token was revoked")));
    }

    #[tokio::test]
    async fn every_cluster_has_a_digest_key_of_its_own_and_keeps_it() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = secrets(&dir).await.digest_key().await.unwrap();
        let (again, beside) = tokio::join!(secrets(&dir), secrets(&dir));
        for secrets in [again, beside] {
            let key = secrets.digest_key().await.unwrap();
            assert_eq!((key.octets, key.generation), (first.octets.clone(), 1));
        }
        assert_ne!(secrets(&other).await.digest_key().await.unwrap().octets, first.octets);
        assert!(first.octets.len() == DigestKey::OCTETS && first.octets.iter().any(|octet| *octet != 0));
    }

    #[tokio::test]
    async fn a_file_without_a_digest_key_gets_one_and_a_damaged_key_is_given_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        touch_secret(&folder.secrets()).unwrap();
        let old = SqlitePool::connect_with(SqliteConnectOptions::new().filename(folder.secrets())).await.unwrap();
        let (version, name, sql) = MIGRATIONS[0];
        let migration = Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false);
        Migrator::with_migrations(vec![migration]).run(&old).await.unwrap();
        old.close().await;

        let secrets = secrets(&dir).await;
        assert_eq!(secrets.digest_key().await.unwrap().generation, 1);
        for damage in ["key = x'00'", "generation = 0"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("update digest_key set {damage}")))
                .execute(&secrets.0)
                .await
                .unwrap();
            assert!(matches!(secrets.digest_key().await, Err(SecretsError::Damaged(_))));
            sqlx::query("update digest_key set generation = 1, key = randomblob(48)")
                .execute(&secrets.0)
                .await
                .unwrap();
        }
    }

    #[test]
    fn names_are_such_that_a_filter_can_say_them() {
        for (wanted, name) in
            [("Web 1", "web-1"), ("db.lan", "db.lan"), ("", "unnamed"), ("..", "unnamed"), ("é", "unnamed")]
        {
            assert_eq!(plain_name(wanted), name);
        }
    }
}
