-- Refuse a missing transaction id.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_transaction(
    p_transaction_id uuid
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_transaction$
begin
    if p_transaction_id is null then
        perform credits_internal.refuse_argument(
            'p_transaction_id',
            null,
            'is null',
            'Pass the transaction_id that the charge or grant returned.'
        );
    end if;
end
$require_transaction$;

comment on function credits_internal.require_transaction is
'Refuse a null transaction id with PT422.';

revoke all on function credits_internal.require_transaction from public;
