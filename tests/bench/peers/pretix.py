def admission(): return []
