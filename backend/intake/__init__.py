"""Files of credit information: read whatever form they came in, judged by columns, and given back with their faults."""
