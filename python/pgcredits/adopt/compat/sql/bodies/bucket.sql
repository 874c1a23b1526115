-- The column of the old balances that a grant goes to.

v_bucket := {choice};
if v_bucket is null and {argument} is not null then
    perform credits_internal.refuse_argument(
        'bucket',
        {argument}::text,
        'is no column of the old balances',
        'Name one of them, or pass null.'
    );
end if;
