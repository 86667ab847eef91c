-- The role that KEDA asks for the oldest due order, for psql as a superuser in Orderbridge's database.
-- Run it after roles.sql and the first migration; it may be repeated. The password comes out of the
-- environment, POSTGRES_SCALER_PASSWORD.

\set ON_ERROR_STOP on
\getenv scaler_password POSTGRES_SCALER_PASSWORD

BEGIN;

SELECT 'CREATE ROLE orderbridge_scaler'
WHERE to_regrole('orderbridge_scaler') IS NULL
\gexec
ALTER ROLE orderbridge_scaler LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    CONNECTION LIMIT 8 PASSWORD :'scaler_password';
ALTER ROLE orderbridge_scaler SET default_transaction_read_only = on;
ALTER ROLE orderbridge_scaler SET statement_timeout = '5s';

GRANT CONNECT ON DATABASE :"DBNAME" TO orderbridge_scaler;
GRANT USAGE ON SCHEMA public TO orderbridge_scaler;
GRANT SELECT (status, step, due_at, lane, magento_order_id) ON orders TO orderbridge_scaler;

COMMIT;
