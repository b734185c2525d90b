"""Every file that crosses a border, one module each: read, checked and written there."""
