-- Return rows of an old table, as the view of its name shows them.

return query select v.* from {view} as v where {where};
return;
