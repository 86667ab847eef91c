-- The two roles of Orderbridge's database, for psql as a superuser in that database.
--
--   orderbridge_owner  owns the tables and changes them: `orderbridge migrate`, backups
--   orderbridge_app    reads and writes rows: workers, beat, console and Flower
--
-- The image of PostgreSQL runs this file when it makes a new database. Run it by hand for a database
-- that is there already, and to set new passwords: it may be repeated. The passwords come out of the
-- environment, POSTGRES_OWNER_PASSWORD and POSTGRES_APP_PASSWORD.

\set ON_ERROR_STOP on
\getenv owner_password POSTGRES_OWNER_PASSWORD
\getenv app_password POSTGRES_APP_PASSWORD

BEGIN;

SELECT format('CREATE ROLE %I', name)
FROM (VALUES ('orderbridge_owner'), ('orderbridge_app')) AS wanted (name)
WHERE to_regrole(name) IS NULL
\gexec
ALTER ROLE orderbridge_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'owner_password';
ALTER ROLE orderbridge_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'app_password';

ALTER DATABASE :"DBNAME" OWNER TO orderbridge_owner;
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO orderbridge_app;

ALTER SCHEMA public OWNER TO orderbridge_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO orderbridge_app;

-- Tables of an installation whose application was a superuser; indexes and sequences go with them.
SELECT format('ALTER TABLE %s OWNER TO orderbridge_owner', oid::regclass)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
\gexec
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO orderbridge_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO orderbridge_app;
-- After a purge, vacuum takes away the old versions of the rows; PostgreSQL 15 and 16 leave that to
-- its autovacuum.
SELECT format('GRANT MAINTAIN ON %I TO orderbridge_app', name)
FROM (VALUES ('order_private'), ('order_words')) AS destroyed (name)
WHERE current_setting('server_version_num')::int >= 170000
    AND to_regclass('public.' || name) IS NOT NULL
\gexec

-- The security log: the application adds rows and reads them. Its migration does the same.
SELECT 'REVOKE UPDATE, DELETE, TRUNCATE ON security_log FROM orderbridge_app'
WHERE to_regclass('public.security_log') IS NOT NULL
\gexec

-- Tables that migrations are going to make.
ALTER DEFAULT PRIVILEGES FOR ROLE orderbridge_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO orderbridge_app;
ALTER DEFAULT PRIVILEGES FOR ROLE orderbridge_owner IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO orderbridge_app;

COMMIT;
