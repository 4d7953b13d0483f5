// SPDX-License-Identifier: MIT
// A token and a receiver of coins with the habits of real ones, one at a time. Quirks.bin is its creation code, made with
// solc 0.8.37 (npm), optimizer on with 200 runs, evmVersion "paris", metadata hash "none".
pragma solidity ^0.8.0;

contract Quirks {
    uint256 public mode; // see transfer
    mapping(address => uint256) public balanceOf;
    mapping(address => bool) public blocked;
    bool public refuses; // coins
    uint256 public received;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function mint(address to, uint256 value) external { balanceOf[to] += value; }

    function set(address, uint256 newMode) external { mode = newMode; }

    function block_(address who, uint256 yes) external { blocked[who] = yes == 1; }

    function refuse(address, uint256 yes) external { refuses = yes == 1; }

    // 0 returns nothing, 1 true, 2 false without a move, 3 reverts, 4 keeps one unit as a fee.
    function transfer(address to, uint256 value) external {
        require(mode != 3, "paused");
        require(!blocked[to] && !blocked[msg.sender], "blacklisted");
        if (mode != 2) {
            uint256 arrives = mode == 4 ? value - 1 : value;
            balanceOf[msg.sender] -= value;
            balanceOf[to] += arrives;
            emit Transfer(msg.sender, to, arrives);
        }
        if (mode == 0) assembly { return(0, 0) }
        bool answer = mode != 2;
        assembly { mstore(0, answer) return(0, 32) }
    }

    receive() external payable {
        require(!refuses, "no coins here");
        received += msg.value;
    }
}
