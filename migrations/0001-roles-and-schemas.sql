-- The roles that applications, analysts and operators are granted, and the schemas.
--
-- Roles belong to the whole server: another database's installation may have made them already, or
-- make them at this very moment. `set pgcredits.create_roles = off` leaves all of them to the DBA.

do $create_roles$
declare
    v_role text;
begin
    if current_setting('pgcredits.create_roles', true) = 'off' then
        return;
    end if;

    foreach v_role in array array['credits_app', 'credits_analyst', 'credits_operator'] loop
        if not exists (select from pg_catalog.pg_roles as r where r.rolname = v_role) then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;

    foreach v_role in array array['credits_app', 'credits_analyst'] loop
        if not pg_catalog.pg_has_role('credits_operator', v_role, 'member') then
            execute format('grant %I to credits_operator', v_role);
        end if;
    end loop;

    -- Supabase: its server-side role may call us; its two public ones get nothing.
    if exists (select from pg_catalog.pg_roles as r where r.rolname = 'service_role') then
        if not pg_catalog.pg_has_role('service_role', 'credits_app', 'member') then
            grant credits_app to service_role;
        end if;
    end if;
end
$create_roles$;

create schema credits;
create schema credits_internal;
create schema credits_monitoring;

comment on schema credits is
'pgcredits: the ledger''s tables and its public functions. Write through the functions only.';
comment on schema credits_internal is
'pgcredits: helpers of the public functions. Not an interface.';
comment on schema credits_monitoring is
'pgcredits: the views that analysts read.';

revoke all on schema credits, credits_internal, credits_monitoring from public;
grant usage on schema credits to credits_app, credits_analyst, credits_operator;
grant usage on schema credits_monitoring to credits_analyst;
