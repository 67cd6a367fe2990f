"""What the end-to-end tests stand on: hosts and laptops in network namespaces, real browsers, real IDE clients."""
